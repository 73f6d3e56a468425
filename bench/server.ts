// The server of a measurement, a process of its own: what it costs must not count for the client.
import { startEmulator } from "@acrkit/emulator";

const emulator = await startEmulator({ ...(process.argv[2] === undefined ? {} : { dataFolder: process.argv[2] }) });
const { token } = await emulator.credential.getToken("https://containerregistry.azure.net/.default");
process.send?.({ endpoint: emulator.endpoint, certificate: emulator.certificate, token });

process.on("message", (message) => {
  if (message === "count") {
    process.send?.({ requests: emulator.requests.entries.length });
    emulator.requests.clear();
  }
});
process.on("disconnect", async () => {
  await emulator.close();
  process.exit();
});
