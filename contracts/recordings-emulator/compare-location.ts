import { isDeepStrictEqual } from "node:util";
import type { Recording } from "../recordings/recording.ts";

export const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** How a Location differs: that of blobs and manifests exactly, uploads and signed URLs by their shape, since only their makers can make them. */
export function compareLocation(live: string, recorded: string, recording: Recording): string[] {
  if (recorded.startsWith("https://")) {
    const [a, b] = [new URL(live), new URL(recorded)];
    const shape = ({ pathname, searchParams }: URL) => [
      pathname.split("//")[1],
      [...searchParams.keys()],
      searchParams.get("sp"),
      searchParams.get("spr"),
      searchParams.get("sv"),
      /^\/[0-9a-f]{32}-[0-9a-z]+\/\//.test(pathname),
    ];
    return isDeepStrictEqual(shape(a), shape(b)) ? [] : [`location ${live} is not shaped like ${recorded}`];
  }
  const upload = /^(.*\/blobs\/uploads\/)([^?]+)\?_nouploadcache=false&_state=([^&]+)$/;
  const [a, b] = [upload.exec(live), upload.exec(recorded)];
  if (b === null) return live === recorded ? [] : [`location is ${live}, recorded ${recorded}`];
  if (a === null || a[1] !== b[1] || !UUID.test(a[2] ?? "")) return [`location ${live} is not shaped like ${recorded}`];
  return compareState(a[3] ?? "", b[3] ?? "", recording);
}

function compareState(live: string, recorded: string, recording: Recording): string[] {
  const text = decodeURIComponent(live);
  const bytes = Buffer.from(text, "base64url");
  const state = JSON.parse(bytes.subarray(32).toString()) as Record<string, unknown>;
  const expected = recording.uploadStates?.[decodeURIComponent(recorded)]?.payload ?? {};
  const differences: string[] = [];
  if (text.length % 4 !== 0) differences.push("_state is not padded");
  if (!isDeepStrictEqual(Object.keys(state), Object.keys(expected))) differences.push("_state has other members");
  if (state.Name !== expected.Name || state.Offset !== expected.Offset) differences.push("_state says otherwise");
  if (String(state.StartedAt).includes(".") !== String(expected.StartedAt).includes(".")) {
    differences.push("_state has StartedAt in another form");
  }
  return differences;
}
