import { InvalidInputError } from "@acrkit/oci";
import { expect, test } from "vitest";
import { ContentWriteError } from "../../errors/registry-error.ts";
import { UnsupportedError } from "../../runtime/unsupported.ts";
import { ProgressMeter } from "../progress.ts";
import { explained, type WrittenFile, writeFailure } from "./write-failure.ts";

const meter = new ProgressMeter(undefined, 100);
meter.moved(42);
const written: WrittenFile = {
  call: {
    operation: "downloadBlob",
    registry: "registry.example",
    repository: "app",
    reference: "sha256:1",
    metadataApi: false,
  },
  path: "/data/target",
  meter,
};
const systemError = (code: string) => Object.assign(new Error(`${code}: no luck, write`), { code });

test.each(["ENOSPC", "EDQUOT", "EFBIG", "EIO", "EACCES", "EPERM", "EROFS", "ENOENT", "ENOTDIR", "EISDIR"])(
  "%s says what was written where, how far it came, and what to do",
  (code) => {
    const cause = systemError(code);
    const error = writeFailure(written, cause) as ContentWriteError;
    expect(error).toBeInstanceOf(ContentWriteError);
    expect(error).toMatchObject({ code: "CONTENT_WRITE_FAILED", operation: "downloadBlob", repository: "app", cause });
    expect(error.message).toBe(
      `downloadBlob of app@sha256:1 at registry.example failed: cannot write /data/target after 42 of 100 bytes: ${code}: no luck, write. Nothing was put under that name. ${error.hint}`,
    );
    expect(error.hint).toMatch(/^[A-Z].*\.$/);
  },
);

test("a failure that nobody knows comes without advice", () => {
  expect(writeFailure(written, systemError("EXOTIC"))).toMatchObject({ hint: undefined });
});

test.each([new UnsupportedError("no files here"), new InvalidInputError("path", 1, "no path")])(
  "what the system has not said stays as it is: %s",
  (error) => {
    expect(writeFailure(written, error)).toBe(error);
  },
);

test.each(["write", "read", "finishSegment", "commit", "discard"] as const)(
  "a file explains what its %s fails with",
  async (operation) => {
    const cause = systemError("EIO");
    const fail = () => Promise.reject(cause);
    const file = explained(
      { finishedSegments: [], write: fail, read: fail, finishSegment: fail, commit: fail, discard: fail },
      written,
    );
    await expect(file[operation](0, [] as never)).rejects.toMatchObject({ code: "CONTENT_WRITE_FAILED", cause });
  },
);
