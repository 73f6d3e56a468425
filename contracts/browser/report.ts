/** Sends what the page found to the test that waits for it. */
export async function report(look: () => Promise<object>): Promise<void> {
  const body = await look().then(JSON.stringify, (error: unknown) =>
    JSON.stringify({ error: error instanceof Error ? `${error.message}\n${error.stack}` : String(error) }),
  );
  await fetch("/findings", { method: "POST", body });
}
