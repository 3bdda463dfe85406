import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { type Operator, openOperator } from '../support/person.ts';
import { SignedInServer } from '../support/signed-in-server.ts';
import { openWorld, type World } from '../support/world.ts';
import { run } from './support.ts';

/** What a person does in their own name, at the command line: their servers, and what they lend. */
const LIMIT = { timeout: 60_000 };
let notes: SignedInServer;
let world: World;
let ada: Operator;

before(async () => {
  notes = await new SignedInServer().start();
  world = await openWorld({ upstreams: `  notes: { url: "${notes.url}", credential: { connect: {} } }\n` });
  ada = await openOperator(world);
  writeFileSync(join(world.folder, 'password.txt'), `${ada.password}\n`);
  writeFileSync(join(world.folder, 'wrong.txt'), 'not her password\n');
});
after(async () => {
  await world?.stop();
  notes?.close();
});

const sallyport = (...argv: string[]) => run(argv, { folder: world.folder });
const as = (file = 'password.txt') => ['--as', 'ada', '--password-file', join(world.folder, file)];

test('nothing is done in nobody’s name, or by a wrong password', LIMIT, async () => {
  for (const argv of [['connect', 'notes'], ['connect'], ['consent', 'notes'], ['delegate', 'triage']]) {
    const nobody = await sallyport(...argv);
    assert.equal(nobody.code, 1, argv.join(' '));
    assert.match(nobody.err, /--as and --password-file/);
  }
  const wrong = await sallyport('connect', 'notes', ...as('wrong.txt'));
  assert.deepEqual([wrong.code, wrong.out], [1, '']);
  assert.match(wrong.err, /sign_in_failed/);
  const used_wrongly = await sallyport('connect', '--end', ...as());
  assert.deepEqual([used_wrongly.code, used_wrongly.out], [2, '']);
});

// Sign-ins from one place are counted: no more than five are made here.
test('a server is connected by the address that is printed, waited for, listed, and ended', LIMIT, async () => {
  const visit = async (url: string): Promise<void> => {
    const back = await notes.visit(url);
    const body = { state: '', ...Object.fromEntries(back.searchParams) };
    const finished = await ada.client.call('connections.finish', { body });
    assert.equal(finished.kind, 'ok', JSON.stringify(finished));
  };
  const visits: Promise<void>[] = [];
  const printed = (text: string) => void visits.push(visit(text.trim()));
  const connected = await run(['connect', 'notes', ...as()], { folder: world.folder, printed });
  await Promise.all(visits);
  assert.equal(connected.code, 0, connected.err);
  assert.match(connected.err, new RegExp(`You sign in at ${notes.issuer}.*notes.read`));
  assert.match(connected.err, /notes is connected\.\n$/);
  const listed = await sallyport('connect', ...as());
  assert.equal(listed.code, 0);
  assert.match(listed.out, /notes +you +\d{4}-.*renewed by itself/);
  assert.match(listed.out, /notes +the gateway +no/);
  const ended = await sallyport('connect', 'notes', '--end', ...as());
  assert.deepEqual([ended.code, ended.out], [0, 'notes is not connected any more.\n']);
  const absent = await sallyport('connect', 'absent', '--json', ...as());
  assert.equal(absent.code, 1);
  assert.equal(JSON.parse(absent.out).problem.code, 'not_found');
});
