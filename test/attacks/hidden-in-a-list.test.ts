import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { type Called, openWorld, type World } from '../support/world.ts';

/** What may not be read by itself may not be read as one of many: a rule must see each element of a list. */
const SAMPLE = join(import.meta.dirname, '../../examples/starter/sample');
const UPSTREAM = `  files:
    command: ["package:@modelcontextprotocol/server-filesystem", "."]
    cwd: ${JSON.stringify(SAMPLE)}
    tools: { read_multiple_files: { arguments: { paths: path }, each: [paths] } }
`;
const POLICIES = `
@id("reads-reports") @reason("Reports only.") @public("Read below reports/.")
permit (principal == Agent::"triage", action == Action::"tool.call", resource == Tool::"files/read_multiple_files")
when { context.args has paths && context.args.paths like "reports/*" };
`;

describe('lists, element by element', () => {
  let world: World;
  before(async () => {
    world = await openWorld({ policies: POLICIES, upstreams: UPSTREAM });
  });
  after(() => world.stop());
  const read = (paths: readonly unknown[]): Promise<Called> =>
    world.call(world.triage, 'read_multiple_files', { paths }, { server: 'files' });

  test('a list of what may be read is read', async () => {
    const called = await read(['reports/2026-q2.md', 'reports/2026-q3.md']);
    assert.equal(codeOf(called), undefined, called.text);
    assert.match(called.text, /2026-q3/);
  });

  for (const [name, paths, code] of [
    ['one secret among reports', ['reports/2026-q2.md', 'secret/salaries.csv'], 'policy_denied'],
    ['a secret by way of reports', ['reports/2026-q2.md', 'reports/../secret/salaries.csv'], 'arguments_invalid'],
    ['a list in the list', ['reports/2026-q2.md', ['secret/salaries.csv']], 'arguments_invalid'],
    ['nothing', [], 'arguments_invalid'],
    ['more than a call may ask for', new Array(101).fill('reports/2026-q2.md'), 'arguments_invalid'],
  ] as const) {
    test(`${name} is refused`, async () => {
      const called = await read(paths);
      assert.equal(codeOf(called), code, called.text);
      assert.doesNotMatch(called.text, /salary|[0-9]{4,} ?(?:CHF|EUR|USD)/i);
    });
  }
});

function codeOf({ body }: Called): unknown {
  return body.error?.data?.['code'] ?? body.result?._meta?.['dev.sallyport/code'];
}
