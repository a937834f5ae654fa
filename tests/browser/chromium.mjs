// Open the site in Chromium without a window, and run one lesson; nothing from elsewhere is let in.
//     node chromium.mjs FOLDER SITE CHROMIUM TASK.json REPORT.json
// FOLDER is what fetch.py filled. The task: {"start": page of the site, "click": [words of links],
// "answers": {grade_id: code}, "last": code of one more cell, "button": whether a person's click runs it,
// "seconds": the longest time, "picture": a file for a picture of the page}.
// The report: seconds, clicks, the cells with their outputs, and what was asked for elsewhere.
import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { createRequire } from 'node:module';

const [folder, site, executablePath, file, reportFile] = process.argv.slice(2);
const { chromium } = createRequire(path.resolve(folder, 'package.json'))('playwright-core');
const task = JSON.parse(fs.readFileSync(file, 'utf8'));
const KINDS = {
  html: 'text/html', js: 'text/javascript', mjs: 'text/javascript', css: 'text/css',
  json: 'application/json', ipynb: 'application/json', wasm: 'application/wasm', svg: 'image/svg+xml',
};

function serve(root) {
  const server = http.createServer((request, response) => {
    const asked = decodeURIComponent(new URL(request.url, 'http://here').pathname);
    let found = path.join(root, path.normalize(asked));
    if (fs.existsSync(found) && fs.statSync(found).isDirectory()) found = path.join(found, 'index.html');
    if (!found.startsWith(root) || !fs.existsSync(found)) return response.writeHead(404).end();
    if (path.basename(found) === 'jupyter-lite.json') {
      // Only here the page's program can be asked what it shows.
      const settings = JSON.parse(fs.readFileSync(found, 'utf8'));
      settings['jupyter-config-data'] = { ...settings['jupyter-config-data'], exposeAppInBrowser: true };
      return response.writeHead(200, { 'content-type': KINDS.json }).end(JSON.stringify(settings));
    }
    const kind = KINDS[path.extname(found).slice(1)] ?? 'application/octet-stream';
    response.writeHead(200, { 'content-type': kind, 'content-length': fs.statSync(found).size });
    fs.createReadStream(found).pipe(response);
  });
  return new Promise((done) => server.listen(0, '127.0.0.1', () => done(server)));
}

const server = await serve(fs.realpathSync(site));
const here = `http://127.0.0.1:${server.address().port}`;
const browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] });
const context = await browser.newContext({ viewport: { width: 1200, height: 1000 } });
const elsewhere = new Set();
await context.route('**/*', (route) => {
  const url = route.request().url();
  if (url.startsWith(here) || /^(data|blob):/.test(url)) return route.continue();
  elsewhere.add(url);
  return route.abort();
});
const page = await context.newPage();
page.setDefaultTimeout(task.seconds * 1000);

await page.goto(`${here}/${task.start}`);
for (const words of task.click ?? []) await page.getByRole('link', { name: words }).first().click();
const start = Date.now();
const seconds = () => (Date.now() - start) / 1000;
await page.waitForFunction(() => {
  const shown = window.jupyterapp?.shell?.currentWidget;
  return shown?.context?.isReady && shown.sessionContext?.session?.kernel?.status === 'idle';
});
const ready = seconds();

await page.evaluate(({ answers, last }) => {
  const notebook = window.jupyterapp.shell.currentWidget.content.model.sharedModel;
  for (const cell of notebook.cells) {
    const name = cell.getMetadata('nbgrader')?.grade_id;
    if (name in (answers ?? {})) cell.setSource(answers[name]);
  }
  if (last) notebook.addCell({ cell_type: 'code', source: last });
}, task);
if (task.button) await page.locator('[data-command="notebook:restart-run-all"]').first().click();
else page.evaluate(() => void window.jupyterapp.commands.execute('notebook:run-all-cells'));

// It is over when every cell has a number, or one has an error.
const over = await page.waitForFunction(() => {
  const { cells } = window.jupyterapp.shell.currentWidget.content.model.toJSON();
  const code = cells.filter((cell) => cell.cell_type === 'code' && [cell.source].flat().join('').trim());
  const failed = code.some((cell) => cell.outputs.some((output) => output.output_type === 'error'));
  return failed || code.every((cell) => cell.execution_count);
}).then(() => true, () => false);
await page.waitForTimeout(1000);
const cells = await page.evaluate(
  () => window.jupyterapp.shell.currentWidget.content.model.toJSON().cells,
);
if (task.picture) await page.screenshot({ path: task.picture });
const clicks = (task.click ?? []).length + (task.button ? 1 : 0);
const code = cells.filter((cell) => cell.cell_type === 'code');
const report = { over, ready, seconds: seconds(), clicks, elsewhere: [...elsewhere], cells: code };
fs.writeFileSync(reportFile, JSON.stringify(report));
await browser.close();
server.close();
process.exit(0);
