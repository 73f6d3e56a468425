import { describe, expect, test } from "vitest";
import { formatChunkRange, formatUploadRange, parseChunkRange, parseUploadRange } from "./upload-range.ts";

describe("what an upload has received", () => {
  test.each([
    ["0-1238", 1239, "blob-upload-chunked-content-range, first chunk"],
    ["0-2478", 2479, "blob-upload-chunked-content-range, second chunk"],
    ["0-27", 28, "blob-upload-small"],
    ["0-0", 1, "one byte, by the spec"],
    ["bytes=0-9", 10, "with a unit, as some registries write it"],
    [" 0-9 ", 10, "with spaces around"],
    ["0-99999999999999", 100_000_000_000_000, "100 TB"],
  ])("%j is %i bytes (%s)", (header, received) => {
    expect(parseUploadRange(header)).toBe(received);
  });

  test("0-0 right after the POST is nothing (recorded: blob-upload-small)", () => {
    expect(parseUploadRange("0-0", { empty: true })).toBe(0);
    expect(parseUploadRange("0-9", { empty: true })).toBe(10);
  });

  test.each(["", "0", "0-", "-1", "1-9", "0--1", "0-1-2", "a-b", "0-9/10", "bytes 0-9", "0-1e3", "0-9999999999999999"])(
    "%j cannot be read",
    (header) => expect(parseUploadRange(header)).toBeUndefined(),
  );

  test("written as the service does: nothing and one byte look the same", () => {
    expect([0, 1, 28, 1239].map(formatUploadRange)).toEqual(["0-0", "0-0", "0-27", "0-1238"]);
  });

  test("what is written reads back", () => {
    for (const received of [1, 2, 4096, 2 ** 40]) expect(parseUploadRange(formatUploadRange(received))).toBe(received);
  });
});

describe("where a chunk belongs", () => {
  test("as recorded in blob-upload-chunked-content-range", () => {
    expect(formatChunkRange(0, 1239)).toBe("0-1238");
    expect(formatChunkRange(1239, 1240)).toBe("1239-2478");
  });

  test("what is written reads back", () => {
    for (const [offset, length] of [
      [0, 1],
      [5, 1],
      [2 ** 40, 2 ** 22],
    ] as const) {
      expect(parseChunkRange(formatChunkRange(offset, length))).toEqual({ first: offset, last: offset + length - 1 });
    }
  });

  test.each(["bytes 0-84521/*", "bytes=0-9", "0-9/10", "9-0", "", "0", "-1-5", "0-x", "0-9999999999999999"])(
    "%j is refused, the first as the service does (dotnet/sdk-container-builds#258)",
    (header) => expect(parseChunkRange(header)).toBeUndefined(),
  );
});
