import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Canceller } from '../../src/core/cancellation.ts';
import { isRefusal } from '../../src/core/refusal.ts';
import type { Era, UpstreamSettings } from '../../src/protocols/mcp/upstream.ts';
import { type FixtureEra, startHttpFixture } from '../fixtures/mcp/http.ts';
import {
  CAPABLE,
  call,
  gatewayOf,
  overHttp,
  overStdio,
  runOf,
  send,
  sessionOf,
  textOf,
  until,
  whenOver,
} from './support.ts';

const fixtures = {
  http: async (era: FixtureEra): Promise<UpstreamSettings> => {
    const server = await startHttpFixture({ era });
    whenOver(() => server.close());
    return overHttp('s', server.url);
  },
  stdio: async (era: FixtureEra): Promise<UpstreamSettings> =>
    overStdio('s', 'server.ts', era === 'both' ? ['stdio'] : ['stdio', '--era', era]),
};

for (const [transport, fixture] of Object.entries(fixtures)) {
  for (const [offered, preferred, spoken] of [
    ['both', undefined, '2026-07-28'],
    ['both', '2026-07-28', '2026-07-28'],
    ['both', '2025-11-25', '2025-11-25'],
    ['2026-07-28', '2025-11-25', '2026-07-28'],
    ['2026-07-28', undefined, '2026-07-28'],
    ['2025-11-25', '2026-07-28', '2025-11-25'],
    ['2025-11-25', undefined, '2025-11-25'],
  ] as [FixtureEra, Era | undefined, Era][]) {
    test(`${transport}: a server of ${offered}, asked for ${preferred ?? 'any era'}, is spoken to in ${spoken}`, async () => {
      const upstreams = gatewayOf(await fixture(offered));
      const options = preferred === undefined ? {} : { prefer: preferred };
      const session = await sessionOf(upstreams, 's', runOf('r'), options);
      assert.equal(session.era, spoken);
      assert.equal(session.serverInfo['name'], 'sallyport-fixture');
      assert.match(textOf(await call(upstreams, session, 'test_simple_text')), /simple text response/);
      assert.ok(upstreams.status()[0]?.eras.includes(spoken));
      // The second time nothing is tried that is known not to work.
      assert.equal(await upstreams.open('s', runOf('r'), options), session);
    });
  }

  for (const era of ['2026-07-28', '2025-11-25'] as const) {
    test(`${transport}, ${era}: progress goes to its exchange, in order and before the answer`, async () => {
      const upstreams = gatewayOf(await fixture('both'));
      const session = await sessionOf(upstreams, 's', runOf('r'), { prefer: era });
      const sent = await Promise.all(
        [1, 2, 3].map(() => call(upstreams, session, 'test_tool_with_progress', {}, { progress: true })),
      );
      for (const one of sent) {
        const token = Number(textOf(one));
        assert.deepEqual(
          one.heard.map(({ method, params }) => [method, params['progressToken'], params['progress']]),
          [0, 50, 100].map((progress) => ['notifications/progress', token, progress]),
        );
      }
      assert.equal(new Set(sent.map(textOf)).size, 3);
    });

    test(`${transport}, ${era}: log lines go to the exchange that asked for them`, async () => {
      const upstreams = gatewayOf(await fixture('both'));
      const session = await sessionOf(upstreams, 's', runOf('r'), { prefer: era });
      const meta = { 'io.modelcontextprotocol/logLevel': 'info' };
      const { heard } = await call(upstreams, session, 'test_logging_tool', {}, { meta });
      assert.deepEqual(
        heard.map(({ method }) => method),
        ['notifications/message'],
      );
    });

    test(`${transport}, ${era}: prompts, resources, completion and errors are answers`, async () => {
      const upstreams = gatewayOf(await fixture('both'));
      const session = await sessionOf(upstreams, 's', runOf('r'), { prefer: era });
      for (const [method, params, expected] of [
        [
          'prompts/get',
          { name: 'test_prompt_with_arguments', arguments: { arg1: 'a', arg2: 'b' } },
          /arg1='a', arg2='b'/,
        ],
        ['resources/read', { uri: 'test://template/7/data' }, /Data for ID: 7/],
        [
          'completion/complete',
          { ref: { type: 'ref/prompt', name: 'test_simple_prompt' }, argument: { name: 'x', value: 'par' } },
          /paris/,
        ],
        ['resources/read', { uri: 'test://nothing' }, /"kind":"error"/],
        ['no/such/method', {}, /-32601/],
      ] as const) {
        const { reply } = await send(upstreams, session, method, params);
        assert.ok(!isRefusal(reply), method);
        assert.match(JSON.stringify(reply), expected, method);
      }
    });

    test(`${transport}, ${era}: the catalog is whole and read once`, async () => {
      const upstreams = gatewayOf(await fixture('both'));
      const first = await upstreams.catalog('s');
      assert.ok(!isRefusal(first));
      assert.ok(first.tools.some(({ name }) => name === 'test_simple_text'));
      assert.deepEqual([first.prompts.length > 3, first.resources.length, first.templates.length], [true, 3, 1]);
      assert.match(first.digest, /^[0-9a-f]{64}$/);
      assert.equal(await upstreams.catalog('s'), first);
      assert.deepEqual(upstreams.catalogs(), [first]);
    });
  }

  test(`${transport}, 2025-11-25: requests from the server go to the exchange in whose course they are made`, async () => {
    const upstreams = gatewayOf(await fixture('both'));
    const session = await sessionOf(upstreams, 's', runOf('r'), { prefer: '2025-11-25', client: CAPABLE });
    const sent = await call(
      upstreams,
      session,
      'test_sampling',
      { prompt: 'Say something' },
      {
        onRequest: async () => ({
          kind: 'result',
          result: { role: 'assistant', content: { type: 'text', text: 'pong' }, model: 'm' },
        }),
      },
    );
    assert.equal(textOf(sent), 'LLM response: pong');
    assert.deepEqual(
      sent.asked.map(({ method }) => method),
      ['sampling/createMessage'],
    );
    const refused = await call(
      upstreams,
      session,
      'test_elicitation',
      { message: 'Who?' },
      {
        onRequest: async () => ({ kind: 'error', error: { code: -32600, message: 'Not permitted.' } }),
      },
    );
    assert.match(JSON.stringify(refused.reply), /Not permitted/);
  });

  test(`${transport}, 2025-11-25: resource updates and list changes are said of the session`, async () => {
    const upstreams = gatewayOf(await fixture('both'));
    const session = await sessionOf(upstreams, 's', runOf('r'), { prefer: '2025-11-25' });
    const heard: string[] = [];
    session.listen((method) => heard.push(method));
    // Over HTTP the stream must stand before anything can come on it.
    await new Promise((resolve) => setTimeout(resolve, 100));
    await send(upstreams, session, 'resources/subscribe', { uri: 'test://watched-resource' });
    await call(upstreams, session, 'test_trigger_resource_update');
    await call(upstreams, session, 'test_trigger_tool_change');
    await until('both are heard', () => heard.length >= 2);
    assert.deepEqual(heard.sort(), ['notifications/resources/updated', 'notifications/tools/list_changed']);
  });

  test(`${transport}, 2026-07-28: a subscription stays open until it is cancelled`, async () => {
    const upstreams = gatewayOf({ ...(await fixture('both')), limits: { answer_ms_max: 400 } });
    const session = await sessionOf(upstreams, 's');
    const stop = new Canceller();
    const heard: string[] = [];
    const listening = send(
      upstreams,
      session,
      'subscriptions/listen',
      { notifications: { toolsListChanged: true, resourceSubscriptions: ['test://watched-resource'] } },
      { cancellation: stop, onNotification: (method) => void heard.push(method) },
    );
    await until('it is acknowledged', () => heard.length === 1);
    await new Promise((resolve) => setTimeout(resolve, 600));
    await call(upstreams, session, 'test_trigger_tool_change');
    await call(upstreams, session, 'test_trigger_resource_update');
    await until('both are heard', () => heard.length === 3);
    assert.deepEqual(heard, [
      'notifications/subscriptions/acknowledged',
      'notifications/tools/list_changed',
      'notifications/resources/updated',
    ]);
    stop.cancel();
    assert.ok(isRefusal((await listening).reply));
    await call(upstreams, session, 'test_trigger_tool_change');
    assert.equal(heard.length, 3);
  });

  test(`${transport}, 2026-07-28: input that is required is an answer`, async () => {
    const upstreams = gatewayOf(await fixture('both'));
    const session = await sessionOf(upstreams, 's');
    const meta = { 'io.modelcontextprotocol/clientCapabilities': { elicitation: {} } };
    const { reply } = await call(upstreams, session, 'test_input_required_result_elicitation', {}, { meta });
    assert.ok(!isRefusal(reply) && reply.kind === 'result');
    assert.equal(reply.result['resultType'], 'input_required');
  });
}

test('http, 2025-11-25: a stream that the server closes is taken up where it broke', async () => {
  const upstreams = gatewayOf(await fixtures.http('both'));
  const session = await sessionOf(upstreams, 's', runOf('r'), { prefer: '2025-11-25' });
  const pauses: number[] = [];
  const sent = await call(
    upstreams,
    session,
    'test_reconnection',
    {},
    { onPause: (retry_ms) => void pauses.push(retry_ms) },
  );
  assert.match(textOf(sent), /came back/);
  assert.deepEqual(pauses, [500]);
});

test('http, 2026-07-28: arguments are mirrored into headers as the tool asks', async () => {
  const upstreams = gatewayOf(await fixtures.http('both'));
  const session = await sessionOf(upstreams, 's');
  await upstreams.catalog('s');
  for (const region of ['eu', ' spaced ', 'Zürich', '=?base64?eA==?=', 'a\nb', '']) {
    assert.equal(textOf(await call(upstreams, session, 'test_x_mcp_header', { region })), `region=${region}`, region);
  }
  // Both absent and null mean that there is no header.
  assert.equal(textOf(await call(upstreams, session, 'test_x_mcp_header', { level: 3 })), 'region=none');
});
