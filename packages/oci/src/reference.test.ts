import { describe, expect, test } from "vitest";
import { Seeded } from "../test/seeded.ts";
import { type Digest, parseDigest } from "./digest.ts";
import { InvalidInputError } from "./errors.ts";
import {
  formatReference,
  isRepositoryName,
  isTag,
  parseReference,
  parseRepositoryName,
  parseTag,
  parseTagOrDigest,
} from "./reference.ts";

const DIGEST = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" as Digest;

describe("repository names (OCI distribution-spec v1.1.1, Pulling manifests)", () => {
  test.each([
    "a",
    "0",
    "alpine",
    "library/alpine",
    "a/b/c/d/e",
    "a.b",
    "a_b",
    "a__b",
    "a-b",
    "a---b",
    "does_not_exist",
    "50c60996-60bd-f40c-e969-6f8d437deb29",
    "a".repeat(255),
    `a/${"b".repeat(253)}`,
  ])("takes %.60s", (name) => {
    expect(isRepositoryName(name)).toBe(true);
    expect(parseRepositoryName(name)).toBe(name);
  });

  test.each([
    ["", "nothing"],
    ["A", "upper case"],
    ["library/Alpine", "upper case"],
    ["/a", "slash in front"],
    ["a/", "slash at the end"],
    ["a//b", "two slashes"],
    [".a", "dot in front"],
    ["a.", "dot at the end"],
    ["a..b", "two dots"],
    ["a/../b", "a path"],
    ["a___b", "three underscores"],
    ["a._b", "two kinds of separator"],
    ["_catalog", "underscore in front"],
    ["-a", "hyphen in front"],
    ["a b", "a space"],
    ["a:b", "a colon"],
    ["a%2Fb", "an escape"],
    ["ä", "a letter beyond ASCII"],
    ["a\n", "a line end"],
    ["a".repeat(256), "256 characters"],
  ])("refuses %.60s (%s)", (name) => {
    expect(isRepositoryName(name)).toBe(false);
    expect(() => parseRepositoryName(name)).toThrow(InvalidInputError);
  });
});

describe("tags (OCI distribution-spec v1.1.1, Pulling manifests)", () => {
  test.each(["latest", "_", "V1.0", "1", "a-b_c.d", "sha256-abc", "a..b", "x".repeat(128)])("takes %.40s", (tag) => {
    expect(isTag(tag)).toBe(true);
    expect(parseTag(tag)).toBe(tag);
    expect(parseTagOrDigest(tag)).toEqual({ tag });
  });

  test.each(["", ".a", "-a", "a/b", "a:b", "a b", "a@b", "ä", "a\n", "x".repeat(129)])("refuses %.40s", (tag) => {
    expect(isTag(tag)).toBe(false);
    expect(() => parseTag(tag)).toThrow(InvalidInputError);
  });

  test("a colon tells a digest from a tag", () => {
    expect(parseTagOrDigest(DIGEST)).toEqual({ digest: DIGEST });
    expect(() => parseTagOrDigest("sha256:short")).toThrow("digest");
    expect(() => parseTagOrDigest("not a tag")).toThrow("tag");
  });
});

describe("references", () => {
  test.each<[string, string | undefined, string, string | undefined, Digest | undefined]>([
    ["alpine", undefined, "alpine", undefined, undefined],
    ["alpine:3", undefined, "alpine", "3", undefined],
    ["library/alpine", undefined, "library/alpine", undefined, undefined],
    ["r.azurecr.io/app", "r.azurecr.io", "app", undefined, undefined],
    ["r.azurecr.io/team/sub/app:v1", "r.azurecr.io", "team/sub/app", "v1", undefined],
    ["r.azurecr.io:443/app:v1", "r.azurecr.io:443", "app", "v1", undefined],
    ["localhost/app", "localhost", "app", undefined, undefined],
    ["localhost:5000/app", "localhost:5000", "app", undefined, undefined],
    ["localhost:5000/team/app:v1", "localhost:5000", "team/app", "v1", undefined],
    ["127.0.0.1:5000/app", "127.0.0.1:5000", "app", undefined, undefined],
    ["[::1]:5000/app:v1", "[::1]:5000", "app", "v1", undefined],
    ["[2001:db8::1]/app", "[2001:db8::1]", "app", undefined, undefined],
    ["Registry/app", "Registry", "app", undefined, undefined],
    ["host:80/a", "host:80", "a", undefined, undefined],
    // Without a slash there is no registry: this is tag 5000 of repository localhost, as in docker.
    ["localhost:5000", undefined, "localhost", "5000", undefined],
    ["r.azurecr.io", undefined, "r.azurecr.io", undefined, undefined],
    [`app@${DIGEST}`, undefined, "app", undefined, DIGEST],
    [`a:b@${DIGEST}`, undefined, "a", "b", DIGEST],
    [`localhost:5000/a:b@${DIGEST}`, "localhost:5000", "a", "b", DIGEST],
    [`r.io/${"a".repeat(255)}:${"t".repeat(128)}`, "r.io", "a".repeat(255), "t".repeat(128), undefined],
  ])("%.70s", (text, registry, repository, tag, digest) => {
    const reference = parseReference(text);
    expect(reference).toEqual({ registry, repository, tag, digest });
    expect(formatReference(reference)).toBe(text);
  });

  test.each([
    ["", "nothing"],
    ["app:", "a colon with nothing behind it"],
    ["app@", "an at sign with nothing behind it"],
    ["app@latest", "a tag where a digest belongs"],
    [`app@${DIGEST}@${DIGEST}`, "two digests"],
    [`@${DIGEST}`, "no repository"],
    [":v1", "no repository"],
    ["App", "upper case, and no slash to make it a registry"],
    ["r.io/App", "upper case in the repository"],
    ["a//b", "two slashes"],
    ["r.io//b", "two slashes behind the registry"],
    ["/a", "slash in front"],
    ["r.io/", "a registry alone"],
    ["r.io/a/", "slash at the end"],
    ["r.io/a:v1/b", "a tag in the middle"],
    ["a:b:c", "two tags"],
    ["r.io:port/a", "a port that is no number"],
    ["r.io:123456/a", "a port that is too long"],
    ["r.io:80:80/a", "two ports"],
    ["-r.io/a", "a host that starts with a hyphen"],
    ["r_x.io/a", "a host with an underscore"],
    ["::1/a", "IPv6 without brackets"],
    ["[::1/a", "an open bracket"],
    ["https://r.io/a", "a URL"],
    ["r.io/a b", "a space"],
    ["r.io/a\n", "a line end"],
    [`r.io/${"a".repeat(256)}`, "a name too long"],
    [`a:${"t".repeat(129)}`, "a tag too long"],
  ])("refuses %.70s (%s)", (text) => {
    expect(() => parseReference(text)).toThrow(InvalidInputError);
  });

  test("a hostile megabyte is refused fast, and the message stays short", () => {
    for (const text of [
      "a".repeat(1_000_000),
      `A${"-".repeat(1_000_000)}/x`,
      `${"a.".repeat(500_000)}/x`,
      `a:${"-".repeat(1_000_000)}`,
      "/".repeat(1_000_000),
    ]) {
      expect(() => parseReference(text)).toThrow(InvalidInputError);
      expect(messageOf(() => parseReference(text)).length).toBeLessThan(500);
    }
  });

  test("whatever is put together from valid parts comes apart into the same parts", () => {
    const random = new Seeded();
    const component = () => random.text("abc019", 1 + random.below(4));
    const repositoryName = () =>
      Array.from({ length: 1 + random.below(3) }, () =>
        [component(), component()].join(random.pick([".", "_", "__", "-", "--"])),
      ).join("/");
    for (let round = 0; round < 500; round++) {
      const reference = {
        registry: random.pick(["r.azurecr.io", "localhost", "localhost:5000", "[::1]:443", "10.0.0.1:80", "UP"]),
        repository: repositoryName(),
        tag: random.pick([undefined, `${random.text("abAB01_", 1)}${random.text("aZ9_.-", random.below(10))}`]),
        digest: random.pick([undefined, parseDigest(`sha256:${random.text("0123456789abcdef", 64)}`)]),
      };
      const text = formatReference(reference);
      expect(parseReference(text), `seed ${random.seed}: ${text}`).toEqual(reference);
    }
  });

  test("noise is either refused as invalid input or gives back its own text", () => {
    const random = new Seeded();
    for (let round = 0; round < 5000; round++) {
      const text = random.text("aA0.:/@_-[]%", random.below(16));
      try {
        expect(formatReference(parseReference(text)), `seed ${random.seed}`).toBe(text);
      } catch (error) {
        expect(error, `seed ${random.seed}: ${text}`).toBeInstanceOf(InvalidInputError);
      }
    }
  });
});

function messageOf(act: () => unknown): string {
  try {
    act();
  } catch (error) {
    return String(error);
  }
  throw new Error("nothing was thrown");
}
