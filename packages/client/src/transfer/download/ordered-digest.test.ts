import { createDigester, digestOf } from "@acrkit/oci";
import { expect, test } from "vitest";
import { patterned } from "../../testing/content.ts";
import { type Batch, OrderedDigest } from "./ordered-digest.ts";

const BYTES = patterned(100);

/** Ten batches of ten bytes, and what is read back of them. */
function setUp(maxHeldBytes: number, readBack?: (at: number, into: Uint8Array) => Promise<number>) {
  const digester = createDigester();
  const reads: number[] = [];
  const failures: unknown[] = [];
  const released: number[] = [];
  const ordered = new OrderedDigest({
    digester,
    maxHeldBytes,
    readBack:
      readBack ??
      (async (at, into) => {
        reads.push(at);
        into.set(BYTES.subarray(at, at + into.byteLength));
        return into.byteLength;
      }),
    release: (bytes) => void released.push(bytes.byteOffset - BYTES.byteOffset),
    onFailure: (error) => void failures.push(error),
  });
  const add = (index: number): Batch => ordered.add(index * 10, BYTES.subarray(index * 10, index * 10 + 10));
  const store = async (order: readonly number[]) => {
    for (const index of order) ordered.stored(add(index));
    await ordered.settled();
  };
  return { digester, ordered, reads, failures, released, add, store };
}

const FORWARDS = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9];

test.each([
  ["in order, nothing being held", FORWARDS, 0, 0],
  ["backwards, all being held", FORWARDS.toReversed(), 100, 0],
  ["backwards, some being held", FORWARDS.toReversed(), 50, 4],
  ["backwards, nothing being held", FORWARDS.toReversed(), 0, 9],
  ["in turns of four ranges", [0, 3, 6, 1, 4, 7, 2, 5, 8, 9], 40, 0],
])("the digest is that of the whole: %s", async (_, order, maxHeldBytes, readBack) => {
  const { digester, reads, released, store } = setUp(maxHeldBytes);
  await store(order);
  expect(digester.digest()).toBe(digestOf(BYTES));
  expect(reads).toHaveLength(readBack);
  expect(released.toSorted((a, b) => a - b)).toEqual(FORWARDS.map((index) => index * 10));
});

test("bytes are given back only once they are both stored and digested", () => {
  const { ordered, released, add } = setUp(100);
  const [second, first] = [add(1), add(0)];
  expect(released).toEqual([]);
  ordered.stored(second);
  ordered.stored(first);
  expect(released).toEqual([10, 0]);
  const fourth = add(3);
  ordered.stored(fourth);
  expect(released).toEqual([10, 0]);
  add(2);
  expect(released).toEqual([10, 0, 30]);
});

test("what is not held is read back only once it is stored", async () => {
  const { ordered, reads, add, digester } = setUp(0);
  const second = add(1);
  ordered.stored(add(0));
  await ordered.settled();
  expect(reads).toEqual([]);
  ordered.stored(second);
  await ordered.settled();
  expect([reads, digester.sizeInBytes]).toEqual([[10], 20]);
});

test("what is there from before is read back, in its turn", async () => {
  const { ordered, reads, store, digester } = setUp(100);
  ordered.addStored(50, 50);
  await store([4, 3, 2, 1]);
  expect(reads).toEqual([]);
  await store([0]);
  expect(reads).toEqual([50]);
  expect(digester.digest()).toBe(digestOf(BYTES));
});

test("a file that gives less at a time than it is asked for is read on", async () => {
  const { ordered, digester } = setUp(0, async (at, into) => {
    into.set(BYTES.subarray(at, at + 3));
    return 3;
  });
  ordered.addStored(0, 99);
  await ordered.settled();
  expect(digester.digest()).toBe(digestOf(BYTES.subarray(0, 99)));
});

test("a file that cannot be read is told, and does not keep anyone waiting", async () => {
  const own = new Error("EIO");
  const { ordered, failures } = setUp(0, async () => {
    throw own;
  });
  ordered.addStored(0, 100);
  await ordered.settled();
  expect(failures).toEqual([own]);
});

test("one that is not wanted any more reads nothing further", async () => {
  const { ordered, reads } = setUp(0);
  for (const at of [0, 10, 20]) ordered.addStored(at, 10);
  ordered.stop();
  await ordered.settled();
  expect(reads).toEqual([0]);
});
