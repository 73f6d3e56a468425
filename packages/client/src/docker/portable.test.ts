import { expect, it } from "vitest";
import { UnsupportedError } from "../runtime/unsupported.ts";
import { dockerRuntime } from "./portable.ts";

it("a browser says at once that it has neither files nor programs", () => {
  expect(() => dockerRuntime.environment()).toThrow(UnsupportedError);
  expect(() => dockerRuntime.dockerConfigFile({})).toThrow("neither files nor programs");
});
