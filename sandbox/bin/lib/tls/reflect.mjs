/*
 * What @peculiar/x509 (through tsyringe) wants of `Reflect`: metadata of classes, own and inherited. Only where no polyfill has
 * put it there already. Import this before the library.
 */
const kept = new WeakMap();
const own = (key, target) => kept.get(target)?.get(key);

function inherited(key, target) {
  for (let at = target; at !== null; at = Object.getPrototypeOf(at)) {
    const found = own(key, at);
    if (found !== undefined) return found;
  }
  return undefined;
}

function define(key, value, target) {
  if (!kept.has(target)) kept.set(target, new Map());
  kept.get(target).set(key, value);
}

Reflect.defineMetadata ??= define;
Reflect.getOwnMetadata ??= own;
Reflect.getMetadata ??= inherited;
Reflect.hasOwnMetadata ??= (key, target) => own(key, target) !== undefined;
Reflect.hasMetadata ??= (key, target) => inherited(key, target) !== undefined;
Reflect.metadata ??= (key, value) => (target) => define(key, value, target);
