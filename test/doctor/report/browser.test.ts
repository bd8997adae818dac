/** The page as a browser shows it: light and dark, on a desk and on a phone. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { type Browser, chromium, type Page } from 'playwright-core';
import { htmlOf } from '../../../src/doctor/report/html.ts';
import { missing } from '../../lab/requirements.ts';
import { FULL_PAGE, HEALTHY_PAGE, hostPage, PROFILE_PAGE } from './pages.ts';

const CHROMIUM = '/usr/bin/chromium';
const skip = missing('chromium') ?? false;

/** Milliseconds for what a busy machine may be late with. */
const PATIENCE = 110_000;

/** What WCAG 2.2 asks of text, section 1.4.3. */
const LEAST_CONTRAST = 4.5;

describe('a report in a browser', { skip, timeout: 600_000 }, () => {
  let browser: Browser;
  before(async () => {
    // as root, as in CI, chromium has no sandbox
    browser = await chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox'], timeout: PATIENCE });
  });
  after(() => browser?.close());

  async function open(html: string, width: number, colorScheme: 'light' | 'dark'): Promise<Page> {
    const page = await browser.newPage({ viewport: { width, height: 800 }, colorScheme });
    page.setDefaultTimeout(PATIENCE);
    await page.setContent(html);
    return page;
  }

  for (const colorScheme of ['light', 'dark'] as const) {
    it(`${colorScheme}: every text stands out from its ground`, async () => {
      for (const html of [FULL_PAGE, HEALTHY_PAGE, PROFILE_PAGE].map(htmlOf)) {
        const page = await open(html, 1200, colorScheme);
        const { least, words } = await page.evaluate<{ least: number; words: string }>(LEAST_CONTRAST_THERE);
        assert.ok(least >= LEAST_CONTRAST, `${least.toFixed(2)}: ${words}`);
        await page.close();
      }
    });
  }

  it('the two differ, dark on light and light on dark', async () => {
    const grounds = [];
    for (const colorScheme of ['light', 'dark'] as const) {
      const page = await open(htmlOf(FULL_PAGE), 1200, colorScheme);
      grounds.push(await page.evaluate('getComputedStyle(document.body).backgroundColor'));
      await page.close();
    }
    assert.deepEqual(grounds, ['rgb(251, 250, 248)', 'rgb(22, 24, 27)']);
  });

  for (const width of [320, 390, 768, 1200]) {
    it(`${width} pixels wide: nothing lies outside, and no text over another`, async () => {
      for (const report of [FULL_PAGE, PROFILE_PAGE, await hostPage()]) {
        const page = await open(htmlOf(report), width, 'light');
        assert.equal(await page.evaluate('document.documentElement.scrollWidth'), width, report.title);
        assert.deepEqual(await page.evaluate(OVERLAPS_THERE), [], report.title);
        await page.close();
      }
    });
  }

  it('a click on evidence goes to the packet, and its flag back', async () => {
    const page = await open(htmlOf(FULL_PAGE), 390, 'light');
    await page.click('a[href="#p6"]');
    await page.waitForFunction(isInViewThere('#p6'));
    await page.click('#p6 a.flag');
    await page.waitForFunction(isInViewThere('#f1'));
    await page.close();
  });

  it('runs nothing and asks nothing, whatever the packets said', async () => {
    const page = await browser.newPage();
    page.setDefaultTimeout(PATIENCE);
    const requests: string[] = [];
    page.on('dialog', (dialog) => requests.push(dialog.message()));
    // what the page's policy refuses never gets here
    await page.route('**', (route) => {
      requests.push(route.request().url());
      return route.abort();
    });
    // were the text not escaped, the page's own policy would still hold
    const unescaped = htmlOf(FULL_PAGE).replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&quot;', '"');
    for (const html of [htmlOf(FULL_PAGE), unescaped]) {
      await page.setContent(html);
      assert.equal(await page.title(), 'office.pcapng – Sallyport doctor');
    }
    assert.deepEqual(requests, []);
    await page.close();
  });
});

// What follows runs in the page, where there is another world than the one whose types are known here.

/** The least contrast of any text to what is behind it, and that text. */
const LEAST_CONTRAST_THERE = `(() => {
  const channels = (color) => color.match(/[\\d.]+/g).map(Number);
  const luminance = (color) => {
    const [r, g, b] = channels(color).map((value) => {
      const share = value / 255;
      return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const groundOf = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const color = getComputedStyle(at).backgroundColor;
      if ((channels(color)[3] ?? 1) > 0) return color;
    }
    return 'rgb(255, 255, 255)';
  };
  let worst = { least: 21, words: '' };
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const words = node.textContent.trim();
    if (words === '') continue;
    const [a, b] = [luminance(getComputedStyle(node.parentElement).color), luminance(groundOf(node.parentElement))];
    const least = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (least < worst.least) worst = { least, words };
  }
  return worst;
})()`;

/** Rows of text that lie over each other. */
const OVERLAPS_THERE = `(() => {
  const rows = [...document.querySelectorAll('h1, h2, li, p, summary, pre, th, td, .what, small, .peers span')];
  const boxes = rows.filter((row) => row.checkVisibility()).map((row) => ({ row, box: row.getBoundingClientRect() }));
  const meet = (a, b) => a.left < b.right - 1 && b.left < a.right - 1 && a.top < b.bottom - 1 && b.top < a.bottom - 1;
  return boxes.flatMap(({ row, box }, i) =>
    boxes
      .slice(i + 1)
      .filter((other) => !row.contains(other.row) && meet(box, other.box))
      .map((other) => row.textContent.slice(0, 40) + ' | ' + other.row.textContent.slice(0, 40)),
  );
})()`;

function isInViewThere(selector: string): string {
  return `(() => {
    const { top, bottom } = document.querySelector('${selector}').getBoundingClientRect();
    return bottom > 0 && top < innerHeight;
  })()`;
}
