/**
 * `npm run conformance`: the official suite against a server of the project's own, direct and through `/mcp/<server>` of a
 * gateway with identity, policy and receipts on. Every check must come out alike; header validation and DNS rebinding,
 * which a gateway must do itself, must pass; and taking away the permit of one tool must fail that tool's scenario alone.
 * Then the suite's scenarios of authorization, one by one; `npm run conformance -- authorization` runs these only, at every
 * revision that they belong to (`--quick`: the latest alone), `authorization auth/NAME` one of them.
 */
import { startHttpFixture } from '../fixtures/mcp/http.ts';
import { changed } from '../fixtures/mcp/surface/samples.ts';
import { openWorld, type World } from '../support/world.ts';
import { clientScenarios, runAsClient, runAuthorization } from './auth.ts';
import { openShim, type Shim } from './shim.ts';
import { count, differences, failing, REQUIREMENTS, type Results, runSuite, scoredScenarios } from './suite.ts';

const EVERYTHING = `
@id("suite")
@reason("The suite may use all of the fixture, and the fixture may ask it.")
permit (principal, action, resource) unless { resource == Tool::"fixture/WITHHELD" };
`;

const OWN_DUTY = [
  ['http-header-validation', '2026-07-28'],
  ['http-custom-header-server-validation', '2026-07-28'],
  ['dns-rebinding-protection', '2026-07-28'],
  ['dns-rebinding-protection', '2025-11-25'],
] as const;

const WITHHELD = { tool: 'test_image_content', scenario: 'tools-call-image' };

const quick = process.argv.includes('--quick');

let wrong = 0;
function expect(holds: boolean, what: string, details: readonly string[] = []): void {
  console.log(`${holds ? 'ok  ' : 'FAIL'} ${what}`);
  for (const line of holds ? [] : details) console.log(`       ${line}`);
  if (!holds) wrong += 1;
}

async function openGateway(shim: Shim, upstream: string, withheld: string): Promise<World> {
  const world = await openWorld({
    policies: EVERYTHING.replace('WITHHELD', withheld),
    upstreams: `  fixture: { url: "${upstream}" }\n`,
    listen: `hosts: ["${shim.host}"], origins: ["${shim.origin}"]`,
  });
  shim.aim(world.running.agents_url, world.triage);
  // What comes and goes is there when the gateway meets the fixture, so that it is pinned, and is the same whenever it is back.
  Object.assign(changed, { tools: 0, prompts: 0 });
  await world.call(world.triage, 'test_simple_text', {}, { server: 'fixture' });
  return world;
}

async function compare(direct: string, through: string): Promise<Map<string, Results>> {
  const passed = new Map<string, Results>();
  for (const revision of REQUIREMENTS) {
    const before = (await runSuite(direct, '--requirements', revision)).results;
    const after = (await runSuite(through, '--requirements', revision)).results;
    const scored = failing(before).filter((name) => scoredScenarios(revision).includes(name));
    const missing = scoredScenarios(revision).filter((name) => !before.has(name));
    const total = `${before.size} scenarios, ${count(before, 'SUCCESS')} checks passed, ${count(before, 'FAILURE')} failed in what is not scored`;
    expect(
      before.size > 0 && scored.length === 0 && missing.length === 0,
      `${revision} direct: all scored scenarios pass (${total})`,
      [...scored, ...missing],
    );
    const lines = differences(before, after);
    expect(lines.length === 0, `${revision} through the gateway: ${lines.length} checks differ`, lines);
    passed.set(revision, after);
  }
  return passed;
}

async function ownDuty(through: string): Promise<void> {
  for (const [scenario, revision] of OWN_DUTY) {
    const { results } = await runSuite(through, '--scenario', scenario, '--spec-version', revision);
    const bad = [...results.values()].flat().filter(({ status }) => status !== 'SUCCESS' && status !== 'INFO');
    const found = count(results, 'SUCCESS');
    expect(
      found > 0 && bad.length === 0,
      `${scenario} (${revision}) through the gateway: ${found} checks pass`,
      bad.map(({ name, status, message }) => `${name}: ${status} ${message}`),
    );
  }
}

async function withheld(through: string, passed: ReadonlyMap<string, Results>): Promise<void> {
  for (const revision of REQUIREMENTS) {
    const { results } = await runSuite(through, '--requirements', revision);
    const before = failing(passed.get(revision) ?? new Map());
    const more = failing(results).filter((name) => !before.includes(name));
    const less = before.filter((name) => !failing(results).includes(name));
    expect(
      more.join() === WITHHELD.scenario && less.length === 0,
      `${revision} without the permit of ${WITHHELD.tool}: ${WITHHELD.scenario} fails, and nothing else`,
      [...more, ...less],
    );
  }
}

/** Towards its clients the gateway is the authorization server; towards servers, a client. */
function authorization(): void {
  const served = runAuthorization();
  for (const name of ['authorization-server-metadata-endpoint', 'authorization-code-grant']) {
    expect(served.passed, `authorization: ${name} passes against the gateway’s own server`, served.said.split('\n'));
  }
  const scenarios = clientScenarios();
  expect(scenarios.length > 0, `${scenarios.length} auth/* scenarios for clients`);
  const only = process.argv.slice(2).filter((word) => word.startsWith('auth/'));
  const wanted = scenarios.filter(({ name }) => only.length === 0 || only.includes(name));
  const failed_before = wrong;
  let runs = 0;
  for (const { name, at } of wanted) {
    for (const revision of quick ? at.slice(-1) : at) {
      asClient(name, revision);
      runs += 1;
    }
  }
  console.log(`     ${runs - (wrong - failed_before)} of ${runs} runs of ${wanted.length} scenarios for clients pass`);
}

function asClient(name: string, at: string): void {
  const { passed, summary, said } = runAsClient(name, at);
  expect(passed, `${name}${at === 'default' ? '' : ` (${at})`}: ${summary}`, said.split('\n'));
}

if (process.argv.includes('authorization')) {
  authorization();
  process.exit(wrong === 0 ? 0 : 1);
}
const fixture = await startHttpFixture();
const shim = await openShim();
const through = `${shim.origin}/mcp/fixture`;
let world = await openGateway(shim, fixture.url, 'none');
try {
  const passed = await compare(fixture.url, through);
  await ownDuty(through);
  await world.stop();
  world = await openGateway(shim, fixture.url, WITHHELD.tool);
  await withheld(through, passed);
  authorization();
} finally {
  await world.stop();
  await shim.close();
  await fixture.close();
}
console.log(wrong === 0 ? 'Conformance holds.' : `${wrong} expectations do not hold.`);
process.exit(wrong === 0 ? 0 : 1);
