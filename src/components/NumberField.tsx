import React from 'react';
import type { NumberOrVariable } from '../types';
import { TextField } from './TextField';

interface Props {
  id: string;
  label: string;
  tooltip: string;
  labelWidth?: number;
  placeholder: string;
  value?: NumberOrVariable;
  onChange: (value: NumberOrVariable | undefined) => void;
}

/** A whole number from 1, or a template variable. Anything else leaves the field as it was; empty is the default. */
export function NumberField({ value, onChange, ...field }: Props) {
  const take = (typed: string) => {
    const number = Number(typed);
    if (typed === '') {
      onChange(undefined);
    } else if (typed.includes('$')) {
      onChange(typed);
    } else if (Number.isInteger(number) && number >= 1) {
      onChange(number);
    }
  };
  return <TextField {...field} width={14} value={value === undefined ? '' : String(value)} onChange={take} />;
}
