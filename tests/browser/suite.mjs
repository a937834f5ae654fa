// Run pytest on this clone in Pyodide, without a browser:
//     node suite.mjs FOLDER CLONE [pytest's arguments]
// FOLDER is what fetch.py filled.
import fs from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';

// Node would show a line of Pyodide's source, which is a megabyte long.
process.on('uncaughtException', (error) => {
  fs.writeSync(2, `${error.message}\n`);
  process.exit(1);
});

const [folder, clone, ...words] = process.argv.slice(2);
const home = path.resolve(folder, 'pyodide');
const { loadPyodide } = await import(pathToFileURL(path.join(home, 'pyodide.mjs')));
const print = (line) => console.log(line);
const python = await loadPyodide({ indexURL: home + path.sep, stdout: print, stderr: print });
await python.loadPackage(
  ['numpy', 'scipy', 'pillow', 'matplotlib', 'threadpoolctl', 'packaging', 'pygments'],
  { messageCallback() {} },
);
const extractDir = python.runPython('import site; site.getsitepackages()[0]');
const wheels = path.resolve(folder, 'test_wheels');
for (const name of fs.readdirSync(wheels)) {
  const wheel = new Uint8Array(fs.readFileSync(path.join(wheels, name)));
  python.unpackArchive(wheel, 'wheel', { extractDir });
}
python.FS.mkdir('/clone');
python.mountNodeFS('/clone', fs.realpathSync(clone));
python.globals.set('words', python.toPy(words));
const code = await python.runPythonAsync(`
import os, sys
os.chdir("/clone")
sys.path[:0] = ["/clone"]
os.environ |= {"TQDM_DISABLE": "1", "MPLBACKEND": "agg"}
sys.dont_write_bytecode = True
import pytest
# There are no file descriptors to capture, and no threads.
options = ["--capture=sys", "-p", "no:faulthandler", "-p", "no:cacheprovider"]
int(pytest.main([*options, *words]))
`);
process.exit(code);
