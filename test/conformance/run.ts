/**
 * `npm run conformance`: the official suite against a server of the project's own, direct and through `/mcp/<server>` of a
 * gateway with identity, policy and receipts on. Every check must come out alike; header validation and DNS rebinding,
 * which a gateway must do itself, must pass; and taking away the permit of one tool must fail that tool's scenario alone.
 */
import { startHttpFixture } from '../fixtures/mcp/http.ts';
import { openWorld, type World } from '../support/world.ts';
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
} finally {
  await world.stop();
  await shim.close();
  await fixture.close();
}
console.log(wrong === 0 ? 'Conformance holds.' : `${wrong} expectations do not hold.`);
process.exit(wrong === 0 ? 0 : 1);
