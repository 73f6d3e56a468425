import { describe, expect, test } from "vitest";
import type { Descriptor } from "../descriptor.ts";
import { digestOf } from "../digest.ts";
import { isRefName, refNameOf, tagOfRefName, withRefName } from "./ref-name.ts";

// annotations.md, image-spec v1.1.1: the grammar of org.opencontainers.image.ref.name.
test.each<[string, boolean]>([
  ["v1.0", true],
  ["stable-release", true],
  ["registry.example:5000/team/app:v1", true],
  ["app@sha256:abc", true],
  ["a--b", true],
  ["a+b", true],
  ["", false],
  ["/a", false],
  ["a/", false],
  ["a..b", false],
  ["a---b", false],
  ["a b", false],
  ["-a", false],
  [`a${"/a".repeat(600)}`, false],
])("%j is a reference name: %j", (text, is) => expect(isRefName(text)).toBe(is));

describe("the tag in a name", () => {
  const digest = digestOf(new Uint8Array());
  test.each<[string, string | undefined]>([
    // umoci, oras and `skopeo copy … oci:folder:v1` write the tag alone.
    ["v1", "v1"],
    ["latest", "latest"],
    ["sha256-abc.sig", "sha256-abc.sig"],
    // `skopeo copy … oci:folder:registry.example/app:v1`, and buildx with a name, write the whole reference.
    ["registry.example/app:v1", "v1"],
    ["localhost:5000/team/app:v1", "v1"],
    ["docker.io/library/alpine:3.20", "3.20"],
    ["app:v1", "v1"],
    [`team/app:v1@${digest}`, "v1"],
    [`team/app@${digest}`, undefined],
    ["team/app", undefined],
    ["stable+1", undefined],
    ["", undefined],
    ["a b", undefined],
  ])("%j: %j", (name, tag) => expect(tagOfRefName(name)).toBe(tag));
});

test("a descriptor keeps its other annotations when it is named, and is named anew", () => {
  const descriptor: Descriptor = { mediaType: "a/b", digest: digestOf(new Uint8Array()), size: 0 };
  expect(refNameOf(descriptor)).toBeUndefined();
  const named = withRefName({ ...descriptor, annotations: { a: "b" } }, "v1");
  expect([refNameOf(named), named.annotations?.a, refNameOf(withRefName(named, "v2"))]).toEqual(["v1", "b", "v2"]);
});
