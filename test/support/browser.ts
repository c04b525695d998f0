import { existsSync } from 'node:fs';
import { type Browser, chromium, type Page } from 'playwright-core';

const CHROMIUM = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find((path) =>
  existsSync(path),
);

/** Why no page can be opened; false when it can. */
export const noBrowser: string | false = CHROMIUM === undefined ? 'needs chromium (Debian package chromium)' : false;

/** What a page said while it was used: errors of scripts, and requests that it made. */
export interface PageLog {
  readonly errors: string[];
  readonly requests: string[];
}

/**
 * Opens a file in headless Chromium without a network.
 * @param javaScript false to see what a reader without scripts sees
 */
export async function withPage(
  path: string,
  use: (page: Page, log: PageLog) => Promise<void>,
  { javaScript = true, colorScheme = 'light' as 'light' | 'dark' } = {},
): Promise<void> {
  let browser: Browser | undefined;
  try {
    browser = await chromium.launch({
      executablePath: CHROMIUM!,
      args: [
        '--no-sandbox',
        '--disable-gpu',
        '--disable-quic',
        '--no-first-run',
        '--disable-background-networking',
        '--disable-component-update',
        '--disable-sync',
      ],
    });
    const context = await browser.newContext({ offline: true, javaScriptEnabled: javaScript, colorScheme });
    const page = await context.newPage();
    const log: PageLog = { errors: [], requests: [] };
    page.on('pageerror', (error) => log.errors.push(error.message));
    page.on('console', (message) => {
      if (message.type() === 'error') log.errors.push(message.text());
    });
    page.on('request', (request) => log.requests.push(request.url()));
    await page.goto(`file://${path}`);
    await use(page, log);
  } finally {
    await browser?.close();
  }
}
