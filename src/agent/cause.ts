import type { Item } from './types';

/** What the visitor did last, while the page still reacts to it. */
export interface Cause {
  id: string;
  name?: string;
  /** It was followed by an error that nothing caught. */
  failed?: boolean;
}

let doing: Cause | undefined;

export const setCause = (action?: Cause): void => {
  doing = action;
};

export const current = (): Cause | undefined => doing;

/** The action that started an item, as Faro has it. */
export const cause = (): Pick<Item, 'action'> | undefined => doing && { action: { name: doing.name, parentId: doing.id } };
