import { text } from "node:stream/consumers";
import { expect, test } from "vitest";
import { chromium } from "./chromium.ts";
import { servePage } from "./page-server.ts";

if (chromium === undefined) console.log("SKIPPED: a login in a browser: no Chromium in /usr/bin; set CHROMIUM to one");

// A browser that follows a redirect by itself repeats the whole form, the Entra token in it, wherever it leads.
test.skipIf(chromium === undefined)(
  "a redirect of the token service is not followed by the browser either",
  async () => {
    const sent: string[] = [];
    const page = await servePage("login-page.ts", {
      backend: (request, response) => {
        const url = request.url ?? "";
        if (!/^\/(?:oauth2|elsewhere)\//.test(url)) return false;
        text(request).then(
          (body) => {
            sent.push(`${url} ${body.includes("entra-s3cret")}`);
            if (url.startsWith("/oauth2/")) response.writeHead(307, { location: `/elsewhere${url}` });
            response.end('{"refresh_token":"given-elsewhere","access_token":"given-elsewhere"}');
          },
          () => response.destroy(),
        );
        return true;
      },
    });
    try {
      expect(await page.findings()).toEqual({ outcome: "INVALID_REDIRECT" });
      expect(sent).toEqual(["/oauth2/exchange true"]);
    } finally {
      await page.close();
    }
  },
);
