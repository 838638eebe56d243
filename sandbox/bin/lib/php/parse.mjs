import { stringOf, tokensOf } from './tokens.mjs';

/** Binary operators from loose to tight, as PHP 8 binds them. */
const levels = [['||'], ['&&'], ['===', '!==', '==', '!='], ['<', '>', '<=', '>='], ['.'], ['+', '-'], ['*', '/', '%']];

/** The statements of a piece of PHP, as trees. Throws on code outside the small part of PHP that is done here. */
export function parse(code) {
  const tokens = tokensOf(code);
  let at = 0;
  const is = (text) => tokens[at]?.text === text && tokens[at].kind !== 'string';
  const take = (text) => is(text) && at++ >= 0;
  const must = (text) => {
    if (!take(text)) throw new Error(`PHP Parse error: syntax error, unexpected "${tokens[at]?.text ?? 'end of file'}", expecting "${text}"`);
  };

  function statement() {
    if (take('{')) return { kind: 'block', body: until('}', statement) };
    if (take('echo')) return ended({ kind: 'echo', values: list(';', expression, false) });
    if (take('return')) return ended({ kind: 'return', value: is(';') ? literal(null) : expression() });
    if (take('if')) {
      must('(');
      const condition = expression();
      must(')');
      return { kind: 'if', condition, then: statement(), otherwise: take('else') ? statement() : undefined };
    }
    if (take('try')) return tried();
    return ended({ kind: 'expression', value: expression() });
  }

  function tried() {
    must('{');
    const body = until('}', statement);
    must('catch');
    must('(');
    at++; // the type: everything that is thrown here is a Throwable
    const name = tokens[at++]?.text;
    must(')');
    must('{');
    return { kind: 'try', body, name, otherwise: until('}', statement) };
  }

  /** The last semicolon of a snippet may be missing: tinker adds it. */
  function ended(tree) {
    if (at < tokens.length) must(';');
    return tree;
  }

  function until(end, item) {
    const items = [];
    while (!take(end)) items.push(item());
    return items;
  }

  function list(end, item, takesEnd = true) {
    const items = [];
    while (at < tokens.length && !is(end)) {
      items.push(item());
      if (!take(',')) break;
    }
    if (takesEnd) must(end);
    return items;
  }

  function expression() {
    const left = ternary();
    if (left.kind === 'variable' && take('=')) return { kind: 'assign', name: left.name, value: expression() };
    return left;
  }

  function ternary() {
    let value = coalesce();
    for (;;) {
      if (take('?:')) value = { kind: 'elvis', value, otherwise: coalesce() };
      else if (take('?')) {
        const then = expression();
        must(':');
        value = { kind: 'ternary', condition: value, then, otherwise: coalesce() };
      } else return value;
    }
  }

  function coalesce() {
    const left = binary(0);
    return take('??') ? { kind: 'coalesce', left, right: coalesce() } : left;
  }

  function binary(level) {
    if (level === levels.length) return unary();
    let left = binary(level + 1);
    for (;;) {
      const operator = levels[level].find(is);
      if (operator === undefined) return left;
      at++;
      left = { kind: 'binary', operator, left, right: binary(level + 1) };
    }
  }

  function unary() {
    if (take('!')) return { kind: 'not', value: unary() };
    if (take('-')) return { kind: 'binary', operator: '-', left: literal(0), right: unary() };
    return postfix(primary());
  }

  function postfix(start) {
    let tree = start;
    for (;;) {
      if (take('[')) {
        tree = { kind: 'index', of: tree, key: expression() };
        must(']');
      } else if (take('(')) tree = { kind: 'call', callee: tree, args: list(')', expression) };
      else if (take('->')) {
        const name = tokens[at++]?.text;
        tree = take('(') ? { kind: 'method', of: tree, name, args: list(')', expression) } : { kind: 'property', of: tree, name };
      } else if (tree.kind === 'name' && take('::')) {
        const name = `${tree.name}::${tokens[at++]?.text}`;
        must('(');
        tree = { kind: 'call', callee: { kind: 'name', name }, args: list(')', expression) };
      } else return tree;
    }
  }

  function primary() {
    const token = tokens[at++];
    if (token?.kind === 'number') return literal(Number(token.text));
    if (token?.kind === 'string') return literal(stringOf(token.text));
    if (token?.kind === 'variable') return { kind: 'variable', name: token.text };
    if (token?.text === '[') return { kind: 'array', entries: list(']', entry) };
    if (token?.text === '(') {
      const inner = expression();
      must(')');
      return inner;
    }
    if (token?.text === 'function') return closure();
    if (token?.text === 'fn') return arrow();
    if (token?.text === 'new') {
      const name = (tokens[at++]?.text ?? '').replace(/^\\/, '');
      return { kind: 'new', name, args: take('(') ? list(')', expression) : [] };
    }
    if (token?.kind === 'name') return { kind: 'name', name: token.text.replace(/^\\/, '') };
    throw new Error(`PHP Parse error: syntax error, unexpected "${token?.text ?? 'end of file'}"`);
  }

  function entry() {
    const value = expression();
    return take('=>') ? { key: value, value: expression() } : { value };
  }

  const parameter = () => tokens[at++]?.text;

  function closure() {
    must('(');
    const parameters = list(')', parameter);
    let uses = [];
    if (take('use')) {
      must('(');
      uses = list(')', parameter);
    }
    must('{');
    return { kind: 'closure', parameters, uses, body: until('}', statement) };
  }

  function arrow() {
    must('(');
    const parameters = list(')', parameter);
    must('=>');
    return { kind: 'closure', parameters, uses: undefined, body: [{ kind: 'return', value: expression() }] };
  }

  const literal = (value) => ({ kind: 'literal', value });
  const statements = [];
  while (at < tokens.length) statements.push(statement());
  return statements;
}
