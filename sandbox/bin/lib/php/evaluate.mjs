import { parse } from './parse.mjs';

class Returned {
  constructor(value) {
    this.value = value;
  }
}

/**
 * Runs a piece of PHP and resolves to what it echoes. Only a small part of the language is there, and of functions only those
 * given: by name, in JavaScript, values as they are, PHP's arrays as Maps. Throws PHP's words on anything else.
 */
export async function runPhp(code, functions) {
  let output = '';
  const constants = { true: true, false: false, null: null, php_eol: '\n' };

  async function run(statements, scope) {
    for (const one of statements) {
      const end = await statement(one, scope);
      if (end instanceof Returned) return end;
    }
    return undefined;
  }

  async function statement(tree, scope) {
    switch (tree.kind) {
      case 'block':
        return run(tree.body, scope);
      case 'echo':
        for (const value of tree.values) output += text(await evaluate(value, scope));
        return undefined;
      case 'return':
        return new Returned(await evaluate(tree.value, scope));
      case 'if':
        if (truthy(await evaluate(tree.condition, scope))) return statement(tree.then, scope);
        return tree.otherwise && statement(tree.otherwise, scope);
      case 'try':
        try {
          return await run(tree.body, scope);
        } catch (problem) {
          scope.set(tree.name, thrown(problem));
          return run(tree.otherwise, scope);
        }
      default:
        await evaluate(tree.value, scope);
        return undefined;
    }
  }

  async function evaluate(tree, scope) {
    switch (tree.kind) {
      case 'literal':
        return tree.value;
      case 'variable':
        if (!scope.has(tree.name)) throw new Error(`Undefined variable ${tree.name}`);
        return scope.get(tree.name);
      case 'name': {
        const name = tree.name.toLowerCase();
        if (!Object.hasOwn(constants, name)) throw new Error(`Undefined constant "${tree.name}"`);
        return constants[name];
      }
      case 'assign': {
        const value = await evaluate(tree.value, scope);
        scope.set(tree.name, value);
        return value;
      }
      case 'array':
        return arrayOf(tree.entries, scope);
      case 'index': {
        const [of, key] = [await evaluate(tree.of, scope), await evaluate(tree.key, scope)];
        if (!(of instanceof Map) || !of.has(keyOf(key))) throw new Error(`Undefined array key "${text(key)}"`);
        return of.get(keyOf(key));
      }
      case 'coalesce': {
        const left = await orNull(tree.left, scope);
        return left ?? evaluate(tree.right, scope);
      }
      case 'elvis': {
        const value = await evaluate(tree.value, scope);
        return truthy(value) ? value : evaluate(tree.otherwise, scope);
      }
      case 'ternary':
        return evaluate(truthy(await evaluate(tree.condition, scope)) ? tree.then : tree.otherwise, scope);
      case 'not':
        return !truthy(await evaluate(tree.value, scope));
      case 'binary':
        return binary(tree, scope);
      case 'closure':
        return closure(tree, scope);
      case 'method': {
        const of = await evaluate(tree.of, scope);
        if (typeof of?.[tree.name] !== 'function' || !Object.hasOwn(of, tree.name)) throw new Error(`Call to undefined method ${tree.name}()`);
        return of[tree.name](...(await all(tree.args, scope)));
      }
      case 'property': {
        const of = await evaluate(tree.of, scope);
        if (of === null || typeof of !== 'object' || !Object.hasOwn(of, tree.name)) throw new Error(`Undefined property: $${tree.name}`);
        return of[tree.name];
      }
      case 'call':
        return call(tree, scope);
      case 'new':
        return functions.new(tree.name, await all(tree.args, scope));
      default:
        throw new Error(`The sandbox's PHP has no ${tree.kind}`);
    }
  }

  /** What `??`, `empty` and `isset` look at: a missing key or variable is null there and no error. */
  async function orNull(tree, scope) {
    if (tree.kind === 'variable') return scope.get(tree.name) ?? null;
    if (tree.kind !== 'index') return evaluate(tree, scope);
    const of = await orNull(tree.of, scope);
    return of instanceof Map ? (of.get(keyOf(await evaluate(tree.key, scope))) ?? null) : null;
  }

  async function call({ callee, args }, scope) {
    if (callee.kind !== 'name') {
      const act = await evaluate(callee, scope);
      if (typeof act !== 'function') throw new Error('Value not callable');
      return act(...(await all(args, scope)));
    }
    const name = callee.name.toLowerCase();
    if (name === 'empty') return !truthy(await orNull(args[0], scope));
    if (name === 'isset') return (await orNull(args[0], scope)) !== null;
    if (!Object.hasOwn(functions, name)) throw new Error(`Call to undefined function ${callee.name}()`);
    return functions[name](...(await all(args, scope)));
  }

  function closure({ parameters, uses, body }, outer) {
    const kept = uses === undefined ? new Map(outer) : new Map(uses.map((name) => [name, outer.get(name) ?? null]));
    return async (...values) => {
      const scope = new Map(kept);
      for (const [index, name] of parameters.entries()) scope.set(name, values[index] ?? null);
      return (await run(body, scope))?.value ?? null;
    };
  }

  async function arrayOf(entries, scope) {
    const array = new Map();
    let next = 0;
    for (const { key, value } of entries) {
      const at = key === undefined ? next : keyOf(await evaluate(key, scope));
      if (typeof at === 'number') next = Math.max(next, at + 1);
      array.set(at, await evaluate(value, scope));
    }
    return array;
  }

  async function binary({ operator, left, right }, scope) {
    const a = await evaluate(left, scope);
    if (operator === '&&') return truthy(a) && truthy(await evaluate(right, scope));
    if (operator === '||') return truthy(a) || truthy(await evaluate(right, scope));
    const b = await evaluate(right, scope);
    switch (operator) {
      case '.':
        return text(a) + text(b);
      case '===':
        return a === b;
      case '!==':
        return a !== b;
      case '==':
        return a == b; // near PHP's for scalars, which is all that is compared here
      case '!=':
        return a != b;
      case '<':
        return a < b;
      case '>':
        return a > b;
      case '<=':
        return a <= b;
      case '>=':
        return a >= b;
      case '+':
        return Number(a) + Number(b);
      case '-':
        return Number(a) - Number(b);
      case '*':
        return Number(a) * Number(b);
      case '/':
        return Number(a) / Number(b);
      default:
        return Number(a) % Number(b);
    }
  }

  async function all(trees, scope) {
    const values = [];
    for (const tree of trees) values.push(await evaluate(tree, scope));
    return values;
  }

  await run(parse(code), new Map());
  return output;
}

/** What `catch` gets. */
function thrown(problem) {
  return { class: problem.phpClass ?? 'Error', getMessage: () => problem.message || problem.code || String(problem) };
}

const keyOf = (key) => (typeof key === 'string' && /^(0|[1-9]\d*)$/.test(key) ? Number(key) : key);
export const truthy = (value) => (value instanceof Map ? value.size > 0 : Boolean(value) && value !== '0');

/** A value as PHP prints it. */
export function text(value) {
  if (value === null || value === undefined || value === false) return '';
  if (value === true) return '1';
  if (value instanceof Map) return 'Array';
  return String(value);
}

/** JSON's objects and lists as PHP's arrays. */
export function fromJson(value) {
  if (value === null || typeof value !== 'object') return value;
  return new Map(Array.isArray(value) ? value.map((item, index) => [index, fromJson(item)]) : Object.entries(value).map(([key, item]) => [keyOf(key), fromJson(item)]));
}

/** PHP's arrays as JSON has them: a list if the keys count up from 0. */
export function toJson(value) {
  if (!(value instanceof Map)) return value ?? null;
  const isList = [...value.keys()].every((key, index) => key === index);
  return isList ? [...value.values()].map(toJson) : Object.fromEntries([...value].map(([key, item]) => [key, toJson(item)]));
}
