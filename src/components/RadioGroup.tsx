import type { SelectableValue } from '@grafana/data';
import { RadioButtonGroup } from '@grafana/ui';
import React from 'react';

interface Props<T> {
  label: string;
  options: Array<SelectableValue<T>>;
  value: T;
  onChange: (value: T) => void;
}

/** Grafana's radio buttons, which name each choice, with a name for the choice itself for screen readers. */
export function RadioGroup<T>({ label, ...props }: Props<T>) {
  return (
    <div role="radiogroup" aria-label={label}>
      <RadioButtonGroup {...props} />
    </div>
  );
}
