import { describe, expect, test } from "vitest";
import { headerValues, recordedExchanges, recordingsPresent } from "../../test/recordings.ts";
import { Seeded } from "../../test/seeded.ts";
import { type Challenge, formatChallenge, parseChallenges } from "./challenge.ts";

const HOST = "registry.example.azurecr.io";
const REALM = `https://${HOST}/oauth2/token`;

const parse = (header: string) => parseChallenges(header).map(plain);
const plain = ({ scheme, parameters }: Challenge) => ({ scheme, ...parameters });

describe("headers as the service sends them", () => {
  test("without a scope (v2-base-challenge)", () => {
    expect(parse(`Bearer realm="${REALM}",service="${HOST}"`)).toEqual([
      { scheme: "bearer", realm: REALM, service: HOST },
    ]);
  });

  test("with a scope of two actions, whose comma does not end the parameter (blob-upload-chunked-content-range)", () => {
    expect(
      parse(`Bearer realm="${REALM}",service="${HOST}",scope="repository:hello-world-test:push,pull"`),
    ).toMatchObject([{ scope: "repository:hello-world-test:push,pull" }]);
  });

  test("with an error (tag-delete)", () => {
    const header = `Bearer realm="${REALM}",service="${HOST}",scope="repository:library/hello-world:metadata_read",error="insufficient_scope"`;
    expect(parse(header)).toMatchObject([{ error: "insufficient_scope" }]);
  });

  test("after wrong Basic credentials (Azure/acr#651)", () => {
    expect(parse('Basic realm="Azure Container Registry"')).toEqual([
      { scheme: "basic", realm: "Azure Container Registry" },
    ]);
  });

  test.skipIf(!recordingsPresent)("every recorded challenge is read, and written again as it was", () => {
    const headers = recordedExchanges().flatMap(({ response }) => headerValues(response, "www-authenticate"));
    expect(headers.length).toBeGreaterThan(30);
    for (const header of headers) {
      const [challenge, ...others] = parseChallenges(header);
      expect(others).toEqual([]);
      expect(challenge).toMatchObject({ scheme: "bearer", parameters: { realm: REALM, service: HOST } });
      expect(formatChallenge("Bearer", challenge?.parameters ?? {})).toBe(header);
    }
  });
});

describe("the grammar (RFC 9110, 11.6.1)", () => {
  test("the RFC's own example: two challenges, the second with a comma and escaped quotes inside", () => {
    expect(parse('Basic realm="simple", Newauth realm="apps", type=1, title="Login to \\"apps\\""')).toEqual([
      { scheme: "basic", realm: "simple" },
      { scheme: "newauth", realm: "apps", type: "1", title: 'Login to "apps"' },
    ]);
  });

  test.each<[string, object[]]>([
    [
      'Bearer realm="a",service="b", Basic realm="c"',
      [
        { scheme: "bearer", realm: "a", service: "b" },
        { scheme: "basic", realm: "c" },
      ],
    ],
    ["Negotiate", [{ scheme: "negotiate" }]],
    ["Negotiate, NTLM", [{ scheme: "negotiate" }, { scheme: "ntlm" }]],
    ['Negotiate YIIJ/+==, Bearer realm="a"', [{ scheme: "negotiate" }, { scheme: "bearer", realm: "a" }]],
    ['Negotiate YIIJ=, Bearer realm="a"', [{ scheme: "negotiate" }, { scheme: "bearer", realm: "a" }]],
    ['Negotiate YIIJ, Bearer realm="a"', [{ scheme: "negotiate" }, { scheme: "bearer", realm: "a" }]],
    ["BEARER REALM=a", [{ scheme: "bearer", realm: "a" }]],
    ['Bearer realm = "a" , service\t=\tb', [{ scheme: "bearer", realm: "a", service: "b" }]],
    ['  ,, Bearer  realm="a",, ,service="b",', [{ scheme: "bearer", realm: "a", service: "b" }]],
    ['Bearer realm=""', [{ scheme: "bearer", realm: "" }]],
    ['Bearer realm="a\\\\b\\c"', [{ scheme: "bearer", realm: "a\\bc" }]],
    ['Bearer realm="Bearer realm=x, Basic"', [{ scheme: "bearer", realm: "Bearer realm=x, Basic" }]],
    ['Bearer realm="a",realm="b"', [{ scheme: "bearer", realm: "a" }]],
  ])("%s", (header, challenges) => expect(parse(header)).toEqual(challenges));
});

describe("hostile headers", () => {
  test.each(["", " ", ",,,", '"', "=", '="x"', "\u0000", "<html>"])("nothing can be read from %j", (header) => {
    expect(parse(header)).toEqual([]);
  });

  test.each<[string, object[]]>([
    ['Bearer realm="open', [{ scheme: "bearer" }]],
    ['Bearer realm="a",service="open', [{ scheme: "bearer", realm: "a" }]],
    ['Bearer realm="a",service=', [{ scheme: "bearer", realm: "a" }]],
    ['Bearer realm="ends in a backslash\\', [{ scheme: "bearer" }]],
    ['Bearer realm="a" ; service="b"', [{ scheme: "bearer", realm: "a" }]],
  ])("what cannot be read ends the list: %s", (header, challenges) => expect(parse(header)).toEqual(challenges));

  test("parameter names of every object are names like any other", () => {
    const [challenge] = parseChallenges('Bearer __proto__="x",constructor="y"');
    expect(Object.entries(challenge?.parameters ?? {})).toEqual([
      ["__proto__", "x"],
      ["constructor", "y"],
    ]);
    expect(parseChallenges("Bearer")[0]?.parameters.toString).toBeUndefined();
  });

  test("a huge header is read up to a limit, and fast", () => {
    for (const unit of ["Bearer ", "a,", 'a="', "=", "a ", " ", '"', "\\", "Negotiate a=="]) {
      const challenges = parseChallenges(unit.repeat(5_000_000 / unit.length));
      expect(challenges.length).toBeLessThan(16_384);
    }
    const [challenge] = parseChallenges(`Bearer realm="a",pad="${"x".repeat(100_000)}",service="b"`);
    expect(challenge?.parameters).toEqual({ realm: "a" });
  });

  test("noise never throws", () => {
    const random = new Seeded();
    for (let round = 0; round < 5000; round++) {
      const header = random.text('aB=," \t\\;/+', random.below(40));
      expect(() => parseChallenges(header), `seed ${random.seed}: ${header}`).not.toThrow();
    }
  });
});

describe("writing", () => {
  test("in the order given, a comma without a space between", () => {
    expect(formatChallenge("Bearer", { realm: "r", service: "s", scope: "a:b:c,d" })).toBe(
      'Bearer realm="r",service="s",scope="a:b:c,d"',
    );
  });

  test("whatever is written can be read again", () => {
    const random = new Seeded();
    for (let round = 0; round < 500; round++) {
      const parameters = Object.fromEntries(
        ["realm", "service", "scope"].map((name) => [name, random.text('ab"\\,= :/', random.below(12))]),
      );
      const header = formatChallenge("Bearer", parameters);
      expect(parse(`${header}, ${header}`), `seed ${random.seed}: ${header}`).toEqual([
        { scheme: "bearer", ...parameters },
        { scheme: "bearer", ...parameters },
      ]);
    }
  });
});
