// Open a page of `tinyunet explore` in Chromium without a window, offline, and click about in it.
//     node explore.mjs FOLDER PAGE.html CHROMIUM TASK.json REPORT.json
// FOLDER is what fetch.py filled. The task: {"clicks": how many, "pictures": a folder for pictures at
// both widths, light and dark, or null}.
// The report: milliseconds until the page could be used, clicks done, what the console said, what was
// asked for elsewhere, whether anything was wider than the window, and words of the page.
import fs from 'node:fs';
import path from 'node:path';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

const [folder, file, executablePath, taskFile, reportFile] = process.argv.slice(2);
const { chromium } = createRequire(path.resolve(folder, 'package.json'))('playwright-core');
const task = JSON.parse(fs.readFileSync(taskFile, 'utf8'));
const url = pathToFileURL(path.resolve(file)).href;
const browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] });
const said = [], elsewhere = [], wide = {};

async function open(options) {
  const context = await browser.newContext({ offline: true, ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(120000);
  page.on('console', (message) => said.push(`${message.type()}: ${message.text()}`));
  page.on('pageerror', (error) => said.push(`error: ${error.message}`));
  page.on('request', (request) => {
    if (request.url() !== url && !/^(data|blob):/.test(request.url())) elsewhere.push(request.url());
  });
  const start = Date.now();
  await page.goto(url);
  await page.waitForFunction(() => document.querySelector('#grid canvas') && document.querySelector('#scores td'));
  return { page, ms: Date.now() - start };
}

const { page, ms } = await open({ viewport: { width: 1400, height: 900 } });
let random = 1;
const pick = (n) => { random = (random * 48271) % 2147483647; return random % n; };
const ways = {
  box: async () => { const boxes = page.locator('.box'); await boxes.nth(pick(await boxes.count())).click(); },
  boxKey: async () => { await page.locator('.box.picked').press(['ArrowRight', 'ArrowLeft', 'Home', 'End'][pick(4)]); },
  scale: async () => page.locator('#one-scale').click(),
  place: async () => {
    const canvas = page.locator('#prediction'), box = await canvas.boundingBox();
    await canvas.click({ position: { x: 1 + pick(Math.floor(box.width) - 2), y: 1 + pick(Math.floor(box.height) - 2) } });
  },
  placeKey: async () => page.locator('#prediction').press(['ArrowUp', 'ArrowDown', 'ArrowLeft', 'ArrowRight'][pick(4)]),
  target: async () => { const select = page.locator('#target'); await select.selectOption({ index: pick(await select.locator('option').count()) }); },
  image: async () => page.locator('#field-shows').selectOption({ index: pick(3) }),
  variant: async () => { const inputs = page.locator('#variants input'); await inputs.nth(pick(await inputs.count())).click(); },
  moment: async () => page.locator('#moment').press(['ArrowLeft', 'ArrowRight', 'Home', 'End'][pick(4)]),
};
const film = await page.locator('#film').isVisible();
const views = await page.locator('#prediction').isVisible();
const known = Object.keys(ways).filter((name) => (film || name !== 'moment') && (views || !['place', 'placeKey', 'target', 'image'].includes(name)));
let clicks = 0;
for (; clicks < task.clicks; clicks++) await ways[known[clicks % known.length]]();
await page.waitForTimeout(200);
const words = await page.evaluate(() => document.body.innerText);
const unnamed = await page.evaluate(() => [...document.querySelectorAll('canvas[role], svg[role]')]
  .filter((part) => part.getClientRects().length && !part.getAttribute('aria-label')).map((part) => part.id));

for (const width of [400, 1400]) for (const colorScheme of ['light', 'dark']) {
  const shown = (await open({ viewport: { width, height: 900 }, colorScheme })).page;
  await shown.waitForTimeout(300);
  wide[`${width} ${colorScheme}`] = await shown.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
  if (task.pictures) await shown.screenshot({ path: path.join(task.pictures, `${width}-${colorScheme}.png`), fullPage: true });
}
fs.writeFileSync(reportFile, JSON.stringify({ ms, clicks, said, elsewhere, wide, unnamed, words }));
await browser.close();
