import { InvalidInputError } from "@acrkit/oci";
import { describe, expect, test } from "vitest";
import { ResourceNotFoundError, UnexpectedResponseError } from "../errors/registry-error.ts";
import { HOST, ORIGIN } from "../testing/acr-registry.ts";
import { abortOf, clientOf, failureOf } from "../testing/client.ts";
import { HELLO_DIGEST } from "../testing/content.ts";
import { inOrder, openRegistry, refusal, type ScriptedAnswer } from "../testing/scripted-registry.ts";
import { failOnUnhandled } from "../testing/unhandled.ts";

failOnUnhandled();

const next = (target: string) => `<${target}>; rel="next"`;
const catalog = (names: unknown, link?: string): ScriptedAnswer => ({
  status: 200,
  body: { repositories: names },
  ...(link === undefined ? {} : { headers: { link } }),
});
const tags = (names: readonly string[], link?: string): ScriptedAnswer => ({
  status: 200,
  body: {
    registry: HOST,
    imageName: "team/app",
    tags: names.map((name) => ({
      name,
      digest: HELLO_DIGEST,
      createdTime: "2023-02-28T18:36:41.1794832Z",
      lastUpdateTime: "2023-02-28T18:36:41.1794832Z",
    })),
  },
  ...(link === undefined ? {} : { headers: { link } }),
});
// As recorded, protocol 3.11.
const SECOND = "/acr/v1/_catalog?last=library%2Fbusybox&n=1&orderby=";

async function all<T>(list: AsyncIterable<T>): Promise<T[]> {
  const elements: T[] = [];
  for await (const element of list) elements.push(element);
  return elements;
}

describe("a list", () => {
  test("comes page by page, its links followed byte for byte", async () => {
    const registry = openRegistry(
      inOrder(catalog(["library/busybox"], next(SECOND)), catalog(["library/hello-world"])),
    );
    expect(await all(clientOf(registry).listRepositoryNames())).toEqual(["library/busybox", "library/hello-world"]);
    expect(registry.callLines).toEqual(["GET /acr/v1/_catalog", `GET ${SECOND}`]);
  });

  test.each([
    "/acr/v1/team%2Fapp/_tags?last=latest&n=1&orderby=",
    "/acr/v1/team/app/_tags?last=v1%2B&orderby=timedesc&n=1",
    `${ORIGIN}/acr/v1/team%2fapp/_tags?last=%7E`,
    `${ORIGIN}:443/acr/v1/team%2Fapp/_tags?orderby`,
  ])("follows %s", async (link) => {
    const registry = openRegistry(inOrder(tags(["a"], next(link)), tags(["b"])));
    expect((await all(clientOf(registry).listTagProperties("team/app"))).map(({ name }) => name)).toEqual(["a", "b"]);
    expect(registry.callLines[1]).toBe(`GET ${link.replace(/^https:\/\/[^/]*/, "")}`);
  });

  test("asks for a page only when it is needed", async () => {
    const registry = openRegistry(inOrder(catalog(["a", "b"], next(SECOND))));
    const list = clientOf(registry).listRepositoryNames();
    expect(registry.calls).toHaveLength(0);
    expect(await list.next()).toEqual({ done: false, value: "a" });
    expect(await list.next()).toEqual({ done: false, value: "b" });
    expect(registry.calls).toHaveLength(1);
  });

  test("left early asks for nothing more, and is over", async () => {
    const registry = openRegistry(inOrder(catalog(["a", "b"], next(SECOND))));
    const list = clientOf(registry).listRepositoryNames();
    for await (const _ of list) break;
    expect(await list.next()).toEqual({ done: true, value: undefined });
    expect(registry.calls).toHaveLength(1);
  });

  test("is an iterator: one loop goes on where another stopped asking; its pages begin anew at each call", async () => {
    const registry = openRegistry(() => catalog(["a", "b"]));
    const list = clientOf(registry).listRepositoryNames();
    await list.next();
    expect(await all(list)).toEqual(["b"]);
    expect(await all(list)).toEqual([]);
    expect(await all(list.byPage())).toEqual([["a", "b"]]);
    expect(await all(list.byPage())).toEqual([["a", "b"]]);
  });

  test("whose entries are missing is no list", async () => {
    const client = clientOf(openRegistry(() => ({ status: 200, body: { status: "ok" } })));
    for (const list of [
      client.listRepositoryNames(),
      client.listTagProperties("app"),
      client.listManifestProperties("app"),
    ]) {
      await failureOf(all<unknown>(list), UnexpectedResponseError);
    }
  });

  test.each([null, []])("whose entries are %o is empty", async (names) => {
    expect(await all(clientOf(openRegistry(() => catalog(names))).listRepositoryNames())).toEqual([]);
    const body = { registry: HOST, imageName: "app", tags: names, manifests: names };
    const client = clientOf(openRegistry(() => ({ status: 200, body })));
    expect(await all(client.listTagProperties("app"))).toEqual([]);
    expect(await all(client.listManifestProperties("app"))).toEqual([]);
  });

  test("an empty page in the middle is not its end", async () => {
    const registry = openRegistry(
      inOrder(
        catalog(["a"], next("/acr/v1/_catalog?last=a")),
        catalog([], next("/acr/v1/_catalog?last=b")),
        catalog(["c"]),
      ),
    );
    expect(await all(clientOf(registry).listRepositoryNames())).toEqual(["a", "c"]);
  });

  test.each([
    ["a text", "a"],
    ["an object", { a: 1 }],
    ["a list of something else", ["a", 1]],
  ])("whose entries are %s is unexpected", async (_, names) => {
    await failureOf(all(clientOf(openRegistry(() => catalog(names))).listRepositoryNames()), UnexpectedResponseError);
  });

  test("of a repository that is not there is not found, while iterating", async () => {
    const registry = openRegistry(() => refusal(404, "NAME_UNKNOWN", 'repository "team/app" is not found'));
    const list = clientOf(registry).listTagProperties("team/app");
    const error = await failureOf(list.next(), ResourceNotFoundError);
    expect(error).toMatchObject({ operation: "listTagProperties", repository: "team/app", code: "NAME_UNKNOWN" });
  });

  test("can be aborted between two pages", async () => {
    const controller = new AbortController();
    const registry = openRegistry(inOrder(catalog(["a"], next(SECOND)), catalog(["b"])));
    const list = clientOf(registry).listRepositoryNames({ abortSignal: controller.signal });
    await list.next();
    controller.abort();
    await abortOf(list.next());
    expect(registry.calls).toHaveLength(1);
  });
});

describe("pages", () => {
  test("are as large as asked for, and say how to go on", async () => {
    const registry = openRegistry(
      inOrder(catalog(["library/busybox"], next(SECOND)), catalog(["library/hello-world"])),
    );
    const pages = await all(clientOf(registry).listRepositoryNames().byPage({ maxPageSize: 1 }));
    expect(registry.callLines).toEqual(["GET /acr/v1/_catalog?n=1", `GET ${SECOND}`]);
    expect(pages.map((page) => [...page])).toEqual([["library/busybox"], ["library/hello-world"]]);
    expect(pages.map((page) => page.continuationToken)).toEqual([SECOND, undefined]);
  });

  test("can be taken up again by another client", async () => {
    const registry = openRegistry(inOrder(catalog(["library/hello-world"])));
    const pages = await all(
      clientOf(registry).listRepositoryNames().byPage({ continuationToken: SECOND, maxPageSize: 5 }),
    );
    expect(pages).toEqual([["library/hello-world"]]);
    expect(registry.callLines).toEqual([`GET ${SECOND}`]);
  });

  test.each([0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, "5"])("of size %o are refused", async (maxPageSize) => {
    const registry = openRegistry(inOrder());
    const pages = clientOf(registry)
      .listRepositoryNames()
      .byPage({ maxPageSize: maxPageSize as number });
    await failureOf(pages.next(), InvalidInputError);
    expect(registry.seen).toEqual([]);
  });

  test.each([
    ["something else", "token"],
    ["nothing", ""],
    ["another registry", `https://evil.example${SECOND}`],
    ["another list", "/acr/v1/team/app/_tags?last=a"],
    ["no list at all", "/acr/v1/team/app"],
    ["no URL", "https://["],
  ])("behind a token of %s are refused", async (_, continuationToken) => {
    const registry = openRegistry(inOrder());
    const pages = clientOf(registry).listRepositoryNames().byPage({ continuationToken });
    expect((await failureOf(pages.next(), InvalidInputError)).what).toBe("continuationToken");
    expect(registry.seen).toEqual([]);
  });

  test("of another repository's list are refused", async () => {
    const pages = clientOf(openRegistry(inOrder()))
      .listTagProperties("team/app")
      .byPage({ continuationToken: "/acr/v1/team%2Fother/_tags?last=a" });
    await failureOf(pages.next(), InvalidInputError);
  });
});

describe("the order", () => {
  test.each([
    [undefined, ""],
    ["LastUpdatedOnDescending", "?orderby=timedesc"],
    ["LastUpdatedOnAscending", "?orderby=timeasc"],
  ] as const)("%s is %j on the wire", async (order, query) => {
    const registry = openRegistry(() => ({
      status: 200,
      body: { registry: HOST, imageName: "team/app", tags: [], manifests: [] },
    }));
    const options = order === undefined ? {} : { order };
    await all(clientOf(registry).listTagProperties("team/app", options));
    await all(clientOf(registry).listManifestProperties("team/app", options));
    expect(registry.callLines).toEqual([
      `GET /acr/v1/team/app/_tags${query}`,
      `GET /acr/v1/team/app/_manifests${query}`,
    ]);
  });

  test("goes with a page size and the digest of a tag's manifest", async () => {
    const registry = openRegistry(() => tags([]));
    await all(
      clientOf(registry)
        .listTagProperties("team/app", { order: "LastUpdatedOnDescending", digest: HELLO_DIGEST })
        .byPage({ maxPageSize: 2 }),
    );
    expect(registry.calls[0]?.url.searchParams.toString()).toBe(
      `orderby=timedesc&digest=${encodeURIComponent(HELLO_DIGEST)}&n=2`,
    );
  });
});

describe("a link that must not be followed", () => {
  test.each([
    ["to another host", "https://evil.example/acr/v1/team%2Fapp/_tags?last=a"],
    ["to another host, without a scheme", "//evil.example/acr/v1/team%2Fapp/_tags?last=a"],
    ["to another port", `${ORIGIN}:8443/acr/v1/team%2Fapp/_tags?last=a`],
    ["to http", `http://${HOST}/acr/v1/team%2Fapp/_tags?last=a`],
    ["with a user", `https://user@${HOST}/acr/v1/team%2Fapp/_tags?last=a`],
    ["to another list", "/acr/v1/team%2Fapp/_manifests?last=a"],
    ["to another repository's list", "/acr/v1/team%2Fother/_tags?last=a"],
    ["to something that is no list", "/v2/"],
    ["to another list by way of dots", "/acr/v1/team%2Fapp/_tags/../_manifests"],
    ["that is no URL", "https://["],
    ["with a path that is no text", "/acr/v1/%ff/_tags"],
  ])("%s ends the list with an error", async (_, link) => {
    const registry = openRegistry(inOrder(tags(["a"], next(link))));
    const error = await failureOf(all(clientOf(registry).listTagProperties("team/app")), UnexpectedResponseError);
    expect(error.message).toContain("leads elsewhere");
    expect(registry.calls).toHaveLength(1);
  });

  test("for it repeats", async () => {
    const page = catalog(["a"], next(SECOND));
    const registry = openRegistry(inOrder(page, page));
    const error = await failureOf(all(clientOf(registry).listRepositoryNames()), UnexpectedResponseError);
    expect(error.message).toContain("repeats");
    expect(registry.calls).toHaveLength(2);
  });

  test("for it goes in a circle", async () => {
    const page = (last: number) => catalog(["a"], next(`/acr/v1/_catalog?last=${last}`));
    const registry = openRegistry(inOrder(page(0), page(1), page(2), page(0)));
    await failureOf(all(clientOf(registry).listRepositoryNames()), UnexpectedResponseError);
    expect(registry.calls).toHaveLength(4);
  });

  test("for empty pages do not end", async () => {
    const registry = openRegistry((_, index) => catalog([], next(`/acr/v1/_catalog?last=${index}`)));
    const error = await failureOf(all(clientOf(registry).listRepositoryNames()), UnexpectedResponseError);
    expect(error.message).toContain("100 pages in a row were empty");
    expect(registry.calls.length).toBeLessThanOrEqual(101);
  });

  test.each(["", "garbage", '<>; rel="prev"', '</acr/v1/_catalog?last=a>; rel="prev"', "</acr/v1/_catalog?last=a>"])(
    "%j is none",
    async (link) => {
      const registry = openRegistry(inOrder(catalog(["a"], link)));
      expect(await all(clientOf(registry).listRepositoryNames())).toEqual(["a"]);
    },
  );
});

test("an abort between the answer and its reading is an abort, and not an answer that is no JSON", async () => {
  const controller = new AbortController();
  const options = { abortSignal: controller.signal, onResponse: () => controller.abort() };
  await abortOf(
    clientOf(openRegistry(() => tags([])))
      .listTagProperties("app", options)
      .next(),
  );
});
