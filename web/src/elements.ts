// What of a page's elements may be sent: what the page's author wrote into `data-scoreline` attributes, and the names
// of fields. Never a text, never a value.

import { placeOf, TEXT_MAX } from "./address.ts";
import type { Properties } from "./events.ts";

const MARK = "data-scoreline";
const IGNORED = `[${MARK}-ignore]`;

/** Most names of fields that are sent of a form. */
export const FIELDS_MAX = 50;

/** Fields that are no visitor's answers, or too close to them. */
const UNNAMED_TYPES = /^(hidden|password|submit|button|image|reset)$/;

/** What an element tells: the event's type and its properties. */
export interface Told {
  type: string;
  properties: Properties;
}

/** `data-scoreline-plan-name="team"` is the property `plan_name`: "team". */
export function marksOf(element: Element): Properties {
  const found: Properties = {};
  for (const { name, value } of element.attributes) {
    if (name.startsWith(MARK + "-")) found[propertyOf(name)] = value;
  }
  return found;
}

/** The property that a `data-scoreline-...` attribute stands for. */
export function propertyOf(attribute: string): string {
  return attribute.slice(MARK.length + 1).replace(/-/g, "_");
}

/** A click on a marked element, or inside one. A marked form is none: its mark is for when it is submitted. */
export function clickOn(target: EventTarget | undefined): Told | undefined {
  if (!(target instanceof Element) || target.closest(IGNORED)) return undefined;
  const marked = target.closest(`[${MARK}]:not(form)`);
  return marked ? { type: marked.getAttribute(MARK) || "click", properties: marksOf(marked) } : undefined;
}

/** A form that is submitted: its `id` or `name`, where it goes, and what its fields are called. */
export function submitOf(form: EventTarget | null): Told | undefined {
  if (!(form instanceof HTMLFormElement) || form.closest(IGNORED)) return undefined;
  // By attribute: a field named `id` or `action` would take the place of the form's own property.
  const attribute = (name: string): string => (form.getAttribute(name) ?? "").slice(0, TEXT_MAX);
  const action = placeOf(attribute("action"), document.baseURI);
  return {
    type: attribute(MARK) || "form_submit",
    properties: {
      form: attribute("id") || attribute("name") || action,
      action,
      fields: fieldsOf(form),
      ...marksOf(form),
    },
  };
}

function fieldsOf(form: HTMLFormElement): string[] {
  const names = new Set<string>();
  for (const field of document.querySelectorAll<HTMLInputElement>("input,select,textarea")) {
    const { name, type } = field;
    if (field.form !== form || UNNAMED_TYPES.test(type) || field.closest(IGNORED)) continue;
    if (name && name.length <= TEXT_MAX && !name.includes("@")) names.add(name);
  }
  return [...names].slice(0, FIELDS_MAX);
}
