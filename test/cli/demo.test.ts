import assert from 'node:assert/strict';
import { test } from 'node:test';
import { run } from './support.ts';

test('the demo tells the first story, and would say if it went otherwise', async () => {
  const { code, out, err } = await run(['demo']);
  assert.equal(code, 0, err);
  assert.match(out, /✓ permitted: # Third quarter/);
  assert.equal(out.match(/✗ refused/g)?.length, 3);
  assert.match(out, /the agent sees 2: list_directory, read_text_file/);
  assert.match(out, /✗ deny policy_denied/);
  assert.match(out, /✓ verified/);
});
