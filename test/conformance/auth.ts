import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const PROGRAM = fileURLToPath(
  new URL('../../node_modules/@modelcontextprotocol/conformance/dist/index.js', import.meta.url),
);
const CLIENT = fileURLToPath(new URL('./upstream-client.ts', import.meta.url));
const RUN_MS_MAX = 90_000;

/** Passed by the gateway as a client of servers. Discovery is the operator's here: those of its checks are not the gateway's. */
export const PASSED_AS_CLIENT = [
  'auth/client-credentials-jwt',
  'auth/client-credentials-basic',
  'auth/wif-jwt-bearer',
] as const;

const NOBODY = 'no person stands behind the gateway’s own client, so it has no browser flow to test';
const CONFIGURED = 'the operator names the token endpoint, so there is no discovery to test';

/** Why each of the others is not for the gateway as a client. What it does towards its own clients is tested elsewhere. */
const NOT_APPLICABLE: readonly (readonly [RegExp, string])[] = [
  [
    /^auth\/enterprise-managed-authorization$/,
    'it exchanges a user’s ID token, which the gateway does not keep (0056)',
  ],
  [/^auth\/dpop/, 'they ask for a browser flow; tokens that are bound to a key are tested elsewhere'],
  [/^auth\/(metadata|2025-03-26|resource-mismatch|authorization-server-migration)/, CONFIGURED],
  [/^auth\//, NOBODY],
];

/** Every `auth/*` scenario of the suite, in its order. */
export function clientScenarios(): string[] {
  const { stdout } = spawnSync(process.execPath, [PROGRAM, 'list'], { encoding: 'utf8' });
  return [...stdout.matchAll(/^ +- (auth\/\S+)/gm)].map(([, name]) => name!);
}

export function whyNot(scenario: string): string {
  return NOT_APPLICABLE.find(([names]) => names.test(scenario))![1];
}

export function runAsClient(scenario: string): { passed: boolean; said: string } {
  const command = `"${process.execPath}" "${CLIENT}"`;
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [PROGRAM, 'client', '--scenario', scenario, '--command', command, '--timeout', String(RUN_MS_MAX)],
    { encoding: 'utf8', timeout: RUN_MS_MAX + 10_000 },
  );
  return { passed: status === 0, said: `${stdout}${stderr}` };
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
