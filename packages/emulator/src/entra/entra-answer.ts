import { randomUUID } from "node:crypto";
import type { EmulatorResponse } from "../protocol/message.ts";

/** A JSON answer with the headers that Entra's answers have; nobody may keep it. */
export function entraAnswer(status: number, value: unknown, requestId: string = randomUUID()): EmulatorResponse {
  const body = Buffer.from(JSON.stringify(value));
  return {
    status,
    headers: [
      ["Cache-Control", "no-store, no-cache"],
      ["Pragma", "no-cache"],
      ["Content-Type", "application/json; charset=utf-8"],
      ["Content-Length", String(body.byteLength)],
      ["Expires", "-1"],
      ["Strict-Transport-Security", "max-age=31536000; includeSubDomains"],
      ["X-Content-Type-Options", "nosniff"],
      ["x-ms-request-id", requestId],
    ],
    body,
  };
}
