import { expect, test } from "vitest";
import { formatPlatform } from "./platform.ts";

// OCI image-spec v1.1.1, image-index.md, "Platform Variants".
test.each([
  [{ os: "linux", architecture: "amd64" }, "linux/amd64"],
  [{ os: "linux", architecture: "arm", variant: "v7" }, "linux/arm/v7"],
  [{ os: "windows", architecture: "amd64", "os.version": "10.0.20348.1" }, "windows/amd64"],
])("%j is %s", (platform, text) => expect(formatPlatform(platform)).toBe(text));
