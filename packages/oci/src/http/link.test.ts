import { describe, expect, test } from "vitest";
import { headerValues, recordedExchanges, recordingsPresent } from "../../test/recordings.ts";
import { Seeded } from "../../test/seeded.ts";
import { formatNextLink, parseNextLink } from "./link.ts";

describe("headers as the service sends them", () => {
  test.each([
    ["/acr/v1/_catalog?last=library%2Fbusybox&n=1&orderby=", "catalog-paged"],
    ["/acr/v1/library%2Fhello-world/_tags?last=latest&n=1&orderby=", "tags-list-paged"],
    [
      "/acr/v1/library%2Fhello-world/_manifests?last=sha256%3A40d0cfd0861719208ff9f7747ab3f97844eeca509df705db44a736df863b76af&n=1&orderby=",
      "manifests-list-paged-quarantine",
    ],
  ])("%s (%s)", (target) => expect(parseNextLink(`<${target}>; rel="next"`)).toBe(target));

  test.skipIf(!recordingsPresent)("every recorded link is read, and written again as it was", () => {
    const links = recordedExchanges().flatMap(({ response }) => headerValues(response, "link"));
    expect(links.length).toBeGreaterThan(3);
    for (const link of links) {
      const target = parseNextLink(link) ?? "";
      const [path = "", query] = target.split("?");
      expect(formatNextLink(path, Object.fromEntries(new URLSearchParams(query)))).toBe(link);
    }
  });
});

describe("the grammar (RFC 8288, 3)", () => {
  test.each([
    ["<a>;rel=next", "without quotes"],
    ['<a> ; rel = "next"', "with spaces"],
    ["<a>; REL=Next", "in upper case"],
    ['<a>; rel="prev next"', "one of several relations"],
    ['<a>; rel="next"; title="x"', "before another parameter"],
    ['<a>; title="b, <c>; rel=x"; rel="next"', "behind a quoted parameter full of syntax"],
    ['<a>; title="say \\"hi\\"; rel=prev"; rel=next', "behind escaped quotes"],
    ["<a>; nopush; rel=next", "behind a parameter without a value"],
    ["<a>; title*=UTF-8''x; rel=next", "behind an extended parameter"],
    ['<first>; rel="first", <a>; rel="next", <last>; rel="last"', "among several links"],
    ['<prev>; rel="prev",<a>;rel=next', "after another link, without spaces"],
    ['<x>; rel=prev; rel=next, <a>; rel="next"', "where a second rel of one link does not count"],
    ['<x>; title="; rel=next"; rel=prev, <a>; rel=next', "where a rel inside quotes does not count"],
  ])("%s: %s", (header) => expect(parseNextLink(header)).toBe("a"));

  test("the target is left as it is", () => {
    expect(parseNextLink('<https://r.io/v2/_catalog?last=a%2Fb,c;d&n=1>; rel="next"')).toBe(
      "https://r.io/v2/_catalog?last=a%2Fb,c;d&n=1",
    );
    expect(parseNextLink('<>; rel="next"')).toBe("");
  });

  test.each([
    "",
    "a; rel=next",
    "<a>",
    '<a>; rel="prev"',
    '<a>; rel="nextpage"',
    "<a>; relation=next",
    '<a>; title="rel=next"',
    "<a; rel=next",
    "<a>, rel=next",
  ])("no next page in %j", (header) => expect(parseNextLink(header)).toBeUndefined());
});

describe("hostile headers", () => {
  test("a huge header is read up to a limit, and fast", () => {
    for (const unit of ["<", "<>", "<a>;", "<a>; rel=", '<a>; x="', " ", ";", '<a>; rel="prev",', "<a> ; ; "]) {
      expect(parseNextLink(unit.repeat(5_000_000 / unit.length))).toBeUndefined();
    }
  });

  test("noise never throws", () => {
    const random = new Seeded();
    for (let round = 0; round < 5000; round++) {
      const header = random.text('<>a;=" \\,*', random.below(40));
      expect(() => parseNextLink(header), `seed ${random.seed}: ${header}`).not.toThrow();
    }
  });
});

describe("writing", () => {
  test("parameters in alphabetical order, values escaped, an empty one kept", () => {
    expect(formatNextLink("/acr/v1/_catalog", { orderby: "", n: "1", last: "library/busybox" })).toBe(
      '</acr/v1/_catalog?last=library%2Fbusybox&n=1&orderby=>; rel="next"',
    );
  });

  test("a value cannot break out of the header", () => {
    const header = formatNextLink("/v2/_catalog", { last: 'a>; rel="x", <b\r\n' });
    expect(parseNextLink(header)).toBe("/v2/_catalog?last=a%3E%3B+rel%3D%22x%22%2C+%3Cb%0D%0A");
  });
});
