import { InvalidInputError } from "@acrkit/oci";
import { expect, test } from "vitest";
import { toTransferLimits } from "./client-options.ts";
import { failureOf } from "./testing/client.ts";

test("what is left out of the transfers' limits has its default", () => {
  const defaults = { maxUploads: 16, maxDownloads: 16, maxHeldBytes: 67_108_864 };
  expect(toTransferLimits()).toEqual(defaults);
  expect(toTransferLimits({ maxDownloads: 2 })).toEqual({ ...defaults, maxDownloads: 2 });
});

test.each(["maxUploads", "maxDownloads", "maxHeldBytes"])("transfers.%s is a whole number above 0", async (name) => {
  for (const value of [0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, "8"]) {
    const error = await failureOf(() => toTransferLimits({ [name]: value as number }), InvalidInputError);
    expect(error.message).toContain(`transfers.${name}`);
  }
});
