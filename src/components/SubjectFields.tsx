import { InlineField, Select } from '@grafana/ui';
import React from 'react';
import { labels } from '../labels';
import { nameOf } from '../names';
import { uses } from '../questions';
import { labelWidth, type PartProps } from './layout';
import { TextField } from './TextField';
import { useSuggestions } from './useSuggestions';

const text = labels.query;

/** The one thing a question is about, where it is about one: a journey, a visit, a trace, a part of the answer. */
export function SubjectFields(props: PartProps) {
  const { id, type, query, set } = props;
  return (
    <>
      {uses(type, 'journey', query) && <JourneyField {...props} />}
      {uses(type, 'section', query) && <SectionField {...props} />}
      {uses(type, 'traceId', query) && (
        <TextField
          id={`${id}-trace`}
          label={text.trace}
          tooltip={text.traceTooltip}
          labelWidth={labelWidth}
          width={36}
          value={query.traceId ?? ''}
          onChange={(traceId) => set({ traceId })}
        />
      )}
      {uses(type, 'sessionId', query) && (
        <TextField
          id={`${id}-session`}
          label={text.session}
          tooltip={text.sessionTooltip}
          labelWidth={labelWidth}
          width={36}
          value={query.sessionId ?? ''}
          onChange={(sessionId) => set({ sessionId })}
        />
      )}
    </>
  );
}

function JourneyField({ id, datasource, query, range, set }: PartProps) {
  const { options, isLoading, load } = useSuggestions(datasource, 'journey', { query, range });
  return (
    <InlineField label={text.journey} labelWidth={labelWidth} tooltip={text.journeyTooltip} htmlFor={`${id}-journey`}>
      <Select
        inputId={`${id}-journey`}
        aria-label={text.journey}
        width={24}
        options={options}
        isLoading={isLoading}
        onOpenMenu={load}
        value={query.journey ? { value: query.journey, label: query.journey } : null}
        placeholder={text.everyJourney}
        isClearable
        allowCustomValue
        formatCreateLabel={text.useTyped}
        onChange={(chosen) => set({ journey: chosen?.value })}
      />
    </InlineField>
  );
}

function SectionField({ id, type, query, set }: PartProps) {
  const sections = type.sections ?? [];
  const option = (value: string) => ({ value, label: nameOf(value) });
  return (
    <InlineField label={text.section} labelWidth={labelWidth} tooltip={text.sectionTooltip} htmlFor={`${id}-section`}>
      <Select
        inputId={`${id}-section`}
        aria-label={text.section}
        width={24}
        options={sections.map(option)}
        value={option(query.section || sections[0])}
        onChange={({ value }) => set({ section: value })}
      />
    </InlineField>
  );
}
