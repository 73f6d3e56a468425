import { startEmulator } from "@acrkit/emulator";
import { describe, expect, it } from "vitest";
import { loadRecordings, RECORDED_HOST, type Recording, recordingsFolder } from "../recordings/recording.ts";
import { compareExchange } from "./compare.ts";
import { compareClaims } from "./compare-claims.ts";
import { DEVIATIONS } from "./deviations.ts";
import { replay } from "./replay.ts";
import { seed } from "./seed.ts";

const folder = recordingsFolder();
const recordings = loadRecordings(folder);
if (recordings === undefined) {
  console.log(`No recordings in ${folder}: the emulator is NOT compared with the live service. Set ACRKIT_RECORDINGS.`);
}

describe.skipIf(recordings === undefined)("the emulator answers as the recorded service did", () => {
  it("in a folder that holds recordings", () => {
    expect(recordings?.length).toBeGreaterThan(0);
  });

  it.for([...(recordings ?? [])])("$id: $title", async (recording) => {
    const { compared, differences } = await differencesOf(recording);
    expect(compared).toBeGreaterThan(0);
    expect(compared).toBe(recording.exchanges.length);
    const reviewed = DEVIATIONS.filter((deviation) => deviation.recording === recording.id).map(({ what }) => what);
    // Both ways: an unknown difference and a deviation that no longer applies show up alike.
    expect([...differences].sort()).toEqual([...reviewed].sort());
  });

  it("and every deviation names a recording", () => {
    const ids = (recordings ?? []).map(({ id }) => id);
    expect(DEVIATIONS.filter(({ recording }) => !ids.includes(recording))).toEqual([]);
  });
});

async function differencesOf(recording: Recording): Promise<{ compared: number; differences: readonly string[] }> {
  const usesAnonymous = recording.exchanges.some(
    ({ request: { body } }) => body !== null && "form" in body && body.form.some(([, value]) => value === "password"),
  );
  await using emulator = await startEmulator({ loginServer: RECORDED_HOST, anonymousPull: usesAnonymous });
  await seed(emulator, recording);
  const replayed = await replay(emulator, recording);
  const failures = emulator.requests.entries.flatMap(({ failure }) => failure ?? []);
  expect(failures).toEqual([]);
  return {
    compared: replayed.length,
    differences: replayed.flatMap((one) => [...compareExchange(recording, one), ...compareClaims(recording, one)]),
  };
}
