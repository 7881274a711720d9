import { InlineField, Input } from '@grafana/ui';
import React, { useState } from 'react';

interface Props {
  id: string;
  label: string;
  tooltip: string;
  labelWidth?: number;
  width?: number;
  placeholder?: string;
  value: string;
  onChange: (value: string) => void;
}

/** A text that is taken over when the field is left or Enter is pressed: a query must not run with every key. */
export function TextField({ id, label, tooltip, labelWidth, width = 24, placeholder, value, onChange }: Props) {
  const [typed, setTyped] = useState<string>();
  const done = () => {
    if (typed !== undefined && typed.trim() !== value) {
      onChange(typed.trim());
    }
    setTyped(undefined);
  };
  return (
    <InlineField label={label} labelWidth={labelWidth} tooltip={tooltip} htmlFor={id}>
      <Input
        id={id}
        width={width}
        placeholder={placeholder}
        value={typed ?? value}
        onChange={(event) => setTyped(event.currentTarget.value)}
        onBlur={done}
        onKeyDown={(event) => event.key === 'Enter' && done()}
      />
    </InlineField>
  );
}
