// Opens a folder with a page in Chromium, gives the page an image, and writes what it found.
//   node page.mjs NODE_MODULES CHROMIUM FOLDER TASK.json REPORT.json
import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { createRequire } from 'node:module';

const [modules, executablePath, site, taskFile, reportFile] = process.argv.slice(2);
const { chromium } = createRequire(path.resolve(modules, 'x'))('playwright-core');
const task = JSON.parse(fs.readFileSync(taskFile, 'utf8'));
const KINDS = { html: 'text/html', css: 'text/css', js: 'text/javascript', mjs: 'text/javascript', wasm: 'application/wasm' };

const server = http.createServer((request, response) => {
  const asked = decodeURIComponent(new URL(request.url, 'http://x').pathname);
  const found = path.join(site, path.normalize(asked === '/' ? '/index.html' : asked));
  if (!fs.existsSync(found)) return response.writeHead(404).end();
  response.writeHead(200, { 'content-type': KINDS[path.extname(found).slice(1)] ?? 'application/octet-stream' });
  fs.createReadStream(found).pipe(response);
});
await new Promise((done) => server.listen(0, '127.0.0.1', done));
const here = `http://127.0.0.1:${server.address().port}/`;

const browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] });
const context = await browser.newContext({ viewport: task.viewport ?? { width: 1000, height: 900 }, colorScheme: task.scheme ?? 'light' });
const elsewhere = new Set(), errors = [];
await context.route('**/*', (route) => {
  const url = route.request().url();
  if (url.startsWith(here) || /^(data|blob):/.test(url)) return route.continue();
  elsewhere.add(url);
  return route.abort();
});
const page = await context.newPage();
page.setDefaultTimeout(120000);
page.on('console', (message) => { if (message.type() === 'error') errors.push(message.text()); });
page.on('pageerror', (error) => errors.push(String(error)));
const start = Date.now();
await page.goto(here);
await page.waitForFunction((words) => document.getElementById('say').textContent.startsWith(words), task.said ?? 'Ready.');
const ready = (Date.now() - start) / 1000;
const report = { ready, said: await page.textContent('#say'), images: [], example: await page.isVisible('#example') };
for (const image of task.images) {
  const begun = Date.now();
  await page.setInputFiles('#file', image);
  const name = path.basename(image);
  await page.waitForFunction((name) => {
    const said = document.getElementById('say').textContent;
    return said.startsWith(name) && document.getElementById('progress').hidden;
  }, name);
  const found = await page.evaluate(() => {
    const seen = window.tinyunet.seen();
    const pack = (array) => {
      const bytes = new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
      let text = '';
      for (let i = 0; i < bytes.length; i += 32768) text += String.fromCharCode(...bytes.subarray(i, i + 32768));
      return btoa(text);
    };
    return seen && { height: seen.height, width: seen.width, found: pack(seen.found), labels: pack(seen.labels) };
  });
  const said = await page.textContent('#say'), count = await page.textContent('#count');
  report.images.push({ name, said, count, seconds: (Date.now() - begun) / 1000, ...found });
}
if (task.refused) {
  await page.setInputFiles('#file', task.refused);
  await page.waitForFunction(() => document.getElementById('say').textContent.includes('could not'));
  report.refused = await page.textContent('#say');
  report.stale = await page.isVisible('#result');
}
if (task.threshold) {
  await page.focus('#threshold');
  await page.evaluate((value) => {
    const slider = document.getElementById('threshold');
    slider.value = value;
    slider.dispatchEvent(new Event('input'));
  }, task.threshold);
  await page.waitForTimeout(500);
  report.after = await page.textContent('#count');
}
if (task.mask) {
  const [download] = await Promise.all([page.waitForEvent('download'), page.click('#save')]);
  await download.saveAs(task.mask);
  report.mask = download.suggestedFilename();
}
if (task.picture) await page.screenshot({ path: task.picture, fullPage: true });
report.elsewhere = [...elsewhere];
report.errors = errors;
fs.writeFileSync(reportFile, JSON.stringify(report));
await browser.close();
server.close();
process.exit(0);
