import { configJsonSchema, describeProblem, findConfig, loadConfig } from '../../config/index.ts';
import { visibleJson, visibleText } from '../../core/visible-text.ts';
import { type Command, DONE, FAILED } from '../command.ts';

export const check: Command = {
  usage: '[file]',
  arity: [0, 1],
  about:
    'Checks a configuration file without starting anything: every fault with file, line, column, what was expected and what stood there.',
  examples: [
    ['sallyport config check', 'the sallyport.yaml of this folder'],
    ['sallyport config check --schema > sallyport.schema.json', 'JSON Schema for an editor'],
  ],
  options: { schema: { type: 'boolean', about: 'Print the JSON Schema instead.' } },
  async run({ terminal, args, options, json }) {
    if (options.flag('schema')) {
      terminal.write(configJsonSchema());
      return DONE;
    }
    const { file } = findConfig(args[0] ?? options.text('config'), process.cwd());
    const result = loadConfig(file);
    if (result.kind === 'invalid') {
      if (json) terminal.write(`${visibleJson({ valid: false, problems: result.problems }, 2)}\n`);
      else terminal.note(`${result.problems.map((problem) => visibleText(describeProblem(problem))).join('\n')}\n`);
      return FAILED;
    }
    const { digest, upstreams, agents } = result.config;
    const count = `${Object.keys(upstreams).length} upstreams, ${Object.keys(agents).length} agents`;
    terminal.write(
      json
        ? `${visibleJson({ valid: true, digest })}\n`
        : `${file} is good: ${count}, digest ${digest.slice(0, 12)}.\n`,
    );
    return DONE;
  },
};
