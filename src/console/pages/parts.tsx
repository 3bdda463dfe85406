import { lazy, type ReactNode, Suspense } from 'react';
import { DECISIONS, PART_STATES, STATES } from '../../api/contract/index.ts';
import { ApiError } from '../data/client.ts';
import { Button, Key } from '../parts/button.tsx';
import { CedarBlock } from '../parts/cedar.tsx';
import { Choice } from '../parts/choice.tsx';
import { Command, Id } from '../parts/copy.tsx';
import { Change, Diff } from '../parts/diff.tsx';
import { Card, Fact, Facts } from '../parts/facts.tsx';
import { Area, CodeField, Field } from '../parts/field.tsx';
import { HourPlot } from '../parts/hour-plot.tsx';
import { Json } from '../parts/json.tsx';
import { Left } from '../parts/left.tsx';
import { Badge, DecisionMark, Mark, PinMark, StateMark } from '../parts/marks.tsx';
import { Row, Rows } from '../parts/pane.tsx';
import { StagePlot } from '../parts/stage-plot.tsx';
import { Empty, Failed, Refused, Skeleton } from '../parts/states.tsx';
import { Lines, Text } from '../parts/text.tsx';
import { Ago } from '../parts/time.tsx';
import { Wordmark } from '../parts/wordmark.tsx';

const CodeEditor = lazy(() => import('../editor/code-editor.tsx'));

const POLICY = `@id("reads")
@reason("Triage reads reports.")
permit (principal == Agent::"triage", action, resource)
when { context.args.path like "reports/*" };`;
const HOSTILE = 'invoice\u202egnp.exe \u001b[2J\u200bzero <img src=x onerror=alert(1)> \u{e0041}tag';
const REFUSAL = new ApiError({
  kind: 'failure',
  status: 403,
  problem: { code: 'role_missing', message: 'Your roles do not allow this.', detail: 'needs admin' },
});
const AWAY = new ApiError({
  kind: 'failure',
  status: 0,
  problem: { code: 'unreachable', message: 'The gateway does not answer.' },
});

/** Every part in each of its states. Only in development builds: a part that is not here does not exist. */
export function PartsPage() {
  return (
    <main className="scrolls grid h-full content-start gap-6 p-6 lg:grid-cols-2">
      <Shown name="Wordmark">
        <Wordmark />
      </Shown>
      <Shown name="Marks">
        {DECISIONS.map((decision) => (
          <DecisionMark key={decision} decision={decision} />
        ))}
        <Mark tone="alert" word="alert" />
        {STATES.map((state) => (
          <StateMark key={state} state={state} />
        ))}
        {PART_STATES.map((state) => (
          <PinMark key={state} state={state} looked={true} />
        ))}
        {(['calm', 'permit', 'hold', 'deny', 'alert'] as const).map((tone) => (
          <Badge key={tone} tone={tone}>
            {tone}
          </Badge>
        ))}
      </Shown>
      <Shown name="Buttons">
        {(['plain', 'primary', 'quiet', 'stop'] as const).map((kind) => (
          <Button key={kind} kind={kind}>
            {kind}
          </Button>
        ))}
        <Button disabled>disabled</Button>
        <Button busy>busy</Button>
        <Key>⌘K</Key>
      </Shown>
      <Shown name="Choice">
        <Choice
          legend="State"
          options={[
            { value: undefined, label: 'All' },
            { value: 'waits', label: 'Waits 2' },
          ]}
          value="waits"
          onChoose={() => undefined}
        />
      </Shown>
      <Shown name="Fields">
        <Field label="Label" hint="What to know about it." placeholder="Placeholder" />
        <CodeField value="123456" onChange={() => undefined} />
        <Area label="Several lines" hint="A JWK." />
      </Shown>
      <Shown name="Text from elsewhere">
        <Text value={HOSTILE} />
        <Lines value={`${HOSTILE}\n${HOSTILE}`} />
      </Shown>
      <Shown name="JSON">
        <Json value={{ path: HOSTILE, nested: { list: [1, 2, null] } }} what="value" />
      </Shown>
      <Shown name="Fact sheet">
        <Facts>
          <Fact name="Agent">triage</Fact>
          <Fact name="Id">
            <Id value="rcp_0123456789abcdefghijklmnop" />
          </Fact>
          <Fact name="Absent">{null}</Fact>
          <Fact name="Since">
            <Ago time={Date.now() - 90_000} />
          </Fact>
        </Facts>
      </Shown>
      <Shown name="Stages">
        <StagePlot
          stages={[
            { stage: 'check identity', verdict: 'pass', us: 210 },
            { stage: 'decide', verdict: 'pass', us: 12 },
            { stage: 'record intent', verdict: 'pass', us: 480 },
            { stage: 'forward', verdict: 'pass', us: 3_100 },
          ]}
        />
      </Shown>
      <Shown name="Hours">
        <HourPlot
          hours={Array.from({ length: 24 }, (_, at) => ({
            from: at * 3_600_000,
            permitted: at % 5,
            refused: at % 3,
            held: at === 7 ? 2 : 0,
            failed: at % 5 === 4 ? 1 : 0,
          }))}
        />
      </Shown>
      <Shown name="Rows">
        <Rows>
          <Row aside={<Button>Stop…</Button>}>A credential</Row>
          <Row>Another</Row>
        </Rows>
      </Shown>
      <Shown name="Refused stage">
        <StagePlot
          stages={[
            { stage: 'check identity', verdict: 'pass', us: 210 },
            { stage: 'decide', verdict: 'refuse', us: 12 },
          ]}
        />
      </Shown>
      <Shown name="Diff">
        <Change path="/description" before="Reads one report." after={`Reads one repоrt.\u200b Then ${HOSTILE}`} />
        <Diff before={'permit (a)\nwhen { x };'} after={'permit (a)\nwhen { y };\n'} />
      </Shown>
      <Shown name="Long diff">
        <Diff before={`${'// alike\n'.repeat(12)}a`} after={`${'// alike\n'.repeat(12)}b`} />
      </Shown>
      <Shown name="Policy">
        <CedarBlock value={POLICY} />
      </Shown>
      <Shown name="Code editor">
        <div className="h-48 overflow-hidden rounded-medium border border-line">
          <Suspense fallback={<Skeleton rows={4} />}>
            <CodeEditor
              label="A policy, as text"
              name="a.cedar"
              value={`${POLICY}\n// ${HOSTILE}`}
              onChange={() => undefined}
              problems={[{ severity: 'error', line: 4, column: 8, message: 'Something is wrong here.', help: null }]}
              schema={undefined}
            />
          </Suspense>
        </div>
      </Shown>
      <Shown name="Time left">
        <Left until={Date.now() + 5_400_000} />
        <Left until={Date.now() - 1} />
      </Shown>
      <Shown name="Command">
        <Command line="sallyport why rcp_0123456789abcdefghijklmnop" />
      </Shown>
      <Shown name="Refusal in a form">
        <Refused error={REFUSAL} />
      </Shown>
      <Shown name="Loading">
        <Skeleton />
      </Shown>
      <Shown name="Empty">
        <Empty title="No agent has asked for anything yet" command="sallyport demo">
          Every call appears here.
        </Empty>
      </Shown>
      <Shown name="Error">
        <Failed error={AWAY} retry={() => undefined} />
      </Shown>
    </main>
  );
}

function Shown({ name, children }: { name: string; children: ReactNode }) {
  return (
    <section>
      <h2 className="mb-2 font-semibold text-faint text-small">{name}</h2>
      <Card className="flex flex-wrap items-center gap-3 p-4 *:min-w-0 *:max-w-full [&>*:only-child]:w-full">
        {children}
      </Card>
    </section>
  );
}
