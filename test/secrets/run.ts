/**
 * npm run test:secrets [-- --calls 10000]: every kind of secret, thousands of calls, errors at every stage; then everything that
 * the gateway writes, answers or leaves in a browser is searched. Ends with 1 where anything is found, or where a planted mark is not.
 */
import { parseArgs } from 'node:util';
import { buildPages, withoutBrowser } from '../support/browser.ts';
import { visitConsole } from './browser.ts';
import { Sweep } from './sweep.ts';

const { values } = parseArgs({ options: { calls: { type: 'string', default: '10000' } } });
const calls = Number(values.calls);
const began = performance.now();
const pages = withoutBrowser ? undefined : await buildPages();
const swept = await new Sweep().run(calls, pages?.folder, pages === undefined ? undefined : visitConsole);
pages?.remove();

for (const { place, bytes, found, planted } of swept.places) {
  const proof = planted ? 'the planted mark is found' : 'THE PLANTED MARK IS NOT FOUND';
  console.log(`${String(found.length).padStart(4)} marks in ${String(bytes).padStart(11)} bytes of ${place}; ${proof}`);
  for (const { mark, form, at } of found.slice(0, 10)) console.log(`       ${mark}, ${form}, at ${at}`);
}
if (withoutBrowser) console.log(`The browser was not searched: ${withoutBrowser}`);
const found = swept.places.reduce((sum, place) => sum + place.found.length, 0);
const proven = swept.places.every(({ planted }) => planted);
const seconds = Math.round((performance.now() - began) / 1000);
console.log(
  `${swept.calls} calls, ${swept.marks} secrets, ${swept.places.length} places: ${found} marks outside the vault (${seconds} s)`,
);
process.exit(found === 0 && proven && swept.calls >= calls ? 0 : 1);
