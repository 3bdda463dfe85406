import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import { KINDS, openRefusals } from '../support/refusals.ts';
import { edited, whyTrial } from '../support/why-trial.ts';

/** Acceptance of `why`, in a short setting; `npm run bench -- why` is the long one, with the figures. */
suite('why', () => {
  test('names what decided each refusal, and its change permits that call and touches no other', async () => {
    const figures = await whyTrial(60);
    assert.deepEqual(figures.failures, []);
    assert.equal(figures.kinds, KINDS.length);
    assert.equal(figures.named, figures.refusals);
    assert.equal(figures.permitted, figures.by_policy);
    assert.ok(figures.by_policy >= 40, `${figures.by_policy} by policy`);
    assert.ok(figures.others >= 60 * 40, `${figures.others} others`);
    assert.equal(figures.changed, 0);
  });

  test('says of a policy that could not be loaded now that it has to be corrected first', async () => {
    const refusals = await openRefusals(5, { broken: true });
    try {
      const args = { kind: 'a', rows: [{ a: 1 }] };
      const refused = await refusals.world.call(refusals.agents['ann']!, 'bulk', args, { server: 'work' });
      const receipt = String(refused.body.result?._meta?.['dev.sallyport/receipt']);
      const story = await refusals.world.local.call('exchanges.story', { params: { receipt } });
      assert.ok(story.kind === 'ok');
      assert.equal(story.value.exchange.code, 'argument_unmapped');
      const remedy = story.value.explanation?.remedy;
      assert.ok(remedy?.kind === 'policy', JSON.stringify(remedy));
      assert.match(remedy.beware.join(), /no-rows-one: the argument rows of work\/bulk is hidden from policy/);
    } finally {
      await refusals.stop();
    }
  });

  test('the change, written into the folder, lets the call through the front door, and the next one not', async () => {
    const refusals = await openRefusals(3);
    const { world, agents } = refusals;
    try {
      const args = { path: '/other/"quoted" \\ path' };
      const ann = agents['ann']!;
      const refused = await world.call(ann, 'search', args, { server: 'work' });
      const receipt = String(refused.body.result?._meta?.['dev.sallyport/receipt']);
      const story = await world.local.call('exchanges.story', { params: { receipt } });
      assert.ok(story.kind === 'ok');
      const remedy = story.value.explanation?.remedy;
      assert.ok(remedy?.kind === 'policy', JSON.stringify(remedy));
      const before = [{ name: 'test.cedar', text: refusals.policies[0]! }];
      const [changed] = remedy.edits.reduce(edited, before);
      await refusals.change(changed!.text);
      const again = await world.call(ann, 'search', args, { server: 'work' });
      assert.equal(again.body.result?.content?.[0]?.text, 'done', again.text);
      for (const other of [{ path: '/other/else' }, { path: `${args.path}2` }, {}]) {
        const still = await world.call(ann, 'search', other, { server: 'work' });
        assert.equal(still.body.result?._meta?.['dev.sallyport/code'], 'policy_denied', still.text);
      }
      const ben = await world.call(agents['ben']!, 'search', args, { server: 'work' });
      assert.equal(ben.body.result?._meta?.['dev.sallyport/code'], 'policy_denied', ben.text);
      // The story is told by the set that decided, which is not in force any more.
      const later = await world.local.call('exchanges.story', { params: { receipt } });
      assert.ok(later.kind === 'ok');
      assert.equal(later.value.explanation?.active, false);
      assert.deepEqual(later.value.explanation?.remedy, remedy);
      writeFileSync(join(world.folder, 'policies', 'test.cedar'), refusals.policies[0]!);
    } finally {
      await refusals.stop();
    }
  });
});
