import type { OnProgress, TransferProgress } from "@acrkit/client";

/** How a transfer has ended: with everything, with an error, or because whoever read it left. */
export type Ending = "done" | "failed" | "left";

const DONE = new Set(["verified", "skipped", "mounted"]);

/** Looks at the events of one transfer: do they tell one story, and the true one? */
export class ProgressWitness {
  readonly events: TransferProgress[] = [];
  readonly onProgress: OnProgress = (event) => void this.events.push(event);

  /** What is wrong with them, in words; nothing when all is well. */
  problems(ending: Ending, sizeInBytes: number): string[] {
    const problems: string[] = [];
    const { events } = this;
    if (events.length > 0 && events[0]?.kind !== "started") problems.push(`the first event is ${show(events[0])}`);
    let before = 0;
    events.forEach((event, index) => {
      const { kind, loadedBytes, totalBytes } = event;
      if (kind === "started" && index > 0) problems.push(`event ${index} is a second start`);
      if (totalBytes !== undefined && totalBytes !== sizeInBytes) problems.push(`a wrong total: ${show(event)}`);
      if (loadedBytes > sizeInBytes || loadedBytes < 0) problems.push(`more than there is: ${show(event)}`);
      if (DONE.has(kind)) {
        if (index < events.length - 1) problems.push(`something comes behind ${show(event)}`);
      } else if (kind !== "started" && totalBytes !== undefined && totalBytes > 0 && loadedBytes >= totalBytes) {
        problems.push(`everything is there before it is verified: ${show(event)}`);
      }
      // One that goes on may know of more than was told before: bytes that came although their request broke off.
      if (kind !== "retrying" && loadedBytes < before) {
        problems.push(`${show(event)} comes behind ${before} bytes`);
      }
      before = loadedBytes;
    });
    const last = events.at(-1);
    const isDone = last !== undefined && DONE.has(last.kind);
    if (ending === "done" && !(isDone && last.loadedBytes === sizeInBytes && last.totalBytes === sizeInBytes)) {
      problems.push(`done, but the last event is ${show(last)}`);
    }
    if (ending !== "done" && isDone) problems.push(`${ending}, but the last event is ${show(last)}`);
    return problems;
  }
}

function show(event: TransferProgress | undefined): string {
  return event === undefined ? "none" : `${event.kind} ${event.loadedBytes}/${event.totalBytes ?? "?"}`;
}
