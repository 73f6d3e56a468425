import type { Socket } from "node:net";
import type { Readable, Writable } from "node:stream";
import type { Line } from "./line.ts";

/** A piece without bytes stands for the end of what the sender says. */
const END = new Uint8Array(0);

/**
 * Carries what `from` says to `to`, over the line. One timer at a time waits for the next arrival; when it comes late,
 * everything that has arrived meanwhile is handed over at once, so that a timer's coarseness costs no throughput.
 */
export function carry(from: Readable, to: Writable, line: Line): void {
  let timer: NodeJS.Timeout | undefined;
  let blocked = false;

  const send = (piece: Uint8Array) => {
    line.send(piece, performance.now());
    if (line.isFull) from.pause();
    waitForArrival();
  };
  const waitForArrival = () => {
    const { nextArrival } = line;
    if (timer !== undefined || blocked || nextArrival === undefined) return;
    timer = setTimeout(deliver, Math.max(0, nextArrival - performance.now()));
  };
  const deliver = () => {
    timer = undefined;
    to.cork();
    for (const piece of line.take(performance.now())) {
      if (piece === END) to.end();
      else blocked = !to.write(piece);
    }
    to.uncork();
    if (!line.isFull) from.resume();
    waitForArrival();
  };

  from.on("data", send);
  from.once("end", () => send(END));
  to.on("drain", () => {
    blocked = false;
    waitForArrival();
  });
  to.once("close", () => clearTimeout(timer));
}

/** A connection that breaks on one side breaks on the other. */
export function breakTogether(one: Socket, other: Socket): void {
  one.once("error", () => other.resetAndDestroy());
  other.once("error", () => one.resetAndDestroy());
}
