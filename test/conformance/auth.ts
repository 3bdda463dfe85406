import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const PROGRAM = fileURLToPath(
  new URL('../../node_modules/@modelcontextprotocol/conformance/dist/index.js', import.meta.url),
);
const CLIENT = fileURLToPath(new URL('./upstream-client.ts', import.meta.url));
const RUN_MS_MAX = 90_000;

/** The revisions whose wire the gateway speaks; a scenario is run at each that it belongs to. */
const REVISIONS = ['2025-11-25', '2026-07-28'];

export type AuthScenario = {
  name: string;
  /** What it is run at: `default` for those that belong to no revision spoken here, and for extensions. */
  at: readonly string[];
};

/** Every `auth/*` scenario of the suite, in its order. */
export function clientScenarios(): AuthScenario[] {
  const { stdout } = spawnSync(process.execPath, [PROGRAM, 'list'], { encoding: 'utf8' });
  return [...stdout.matchAll(/^ +- (auth\/\S+) \[([^\]]*)\]/gm)].map(([, name = '', revisions = '']) => {
    const spoken = REVISIONS.filter((revision) => revisions.split(',').includes(revision));
    const at = spoken.length === 0 ? ['default'] : spoken;
    return { name, at };
  });
}

/** `summary`: what the suite counted. */
export function runAsClient(scenario: string, at: string): { passed: boolean; summary: string; said: string } {
  const command = `"${process.execPath}" "${CLIENT}"`;
  const revision = at === 'default' ? [] : ['--spec-version', at];
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [PROGRAM, 'client', '--scenario', scenario, '--command', command, '--timeout', String(RUN_MS_MAX), ...revision],
    { encoding: 'utf8', timeout: RUN_MS_MAX + 10_000 },
  );
  const said = `${stdout}${stderr}`;
  const [, passed = '0', all = '0'] = /^Passed: (\d+)\/(\d+)/m.exec(said) ?? [];
  return { passed: status === 0 && Number(passed) > 0, summary: `${passed} of ${all} checks`, said };
}

/** The suite's `authorization` scenarios need a person who consents: they are run, and named, by the test of that flow. */
export function runAuthorization(): { passed: boolean; said: string } {
  const file = fileURLToPath(new URL('../interop/oauth/conformance.test.ts', import.meta.url));
  const { status, stdout, stderr } = spawnSync(process.execPath, ['--test', '--test-reporter=spec', file], {
    encoding: 'utf8',
    timeout: RUN_MS_MAX,
  });
  return { passed: status === 0, said: `${stdout}${stderr}` };
}
