package ingest

import (
	"errors"
	"fmt"
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/agnivade/levenshtein"
	"github.com/goccy/go-yaml"
)

// EnvironmentPrefix begins the variables that override keys of the configuration: the keys on the way, in capitals,
// joined by underscores. limits.body_bytes is SIGHTLINE_LIMITS_BODY_BYTES. What is no letter or digit in the name of an
// app is an underscore, and an element of a list is named by its number from 0: SIGHTLINE_APPS_MY_SHOP_KEYS_0_RATE. A
// value is read as YAML, so that a list or an object can be given in one: [a, b] or {name: x}.
const EnvironmentPrefix = "SIGHTLINE_"

// ReadConfig reads a configuration file, if a path is given, and overrides it from an environment such as os.Environ's.
// Variables of the given other names are somebody else's.
func ReadConfig(path string, environment, others []string) (Config, error) {
	var config Config
	if path != "" {
		text, err := os.ReadFile(path)
		if err != nil {
			return Config{}, fmt.Errorf("read config: %w", err)
		}
		if config, err = decodeConfig(text); err != nil {
			return Config{}, fmt.Errorf("config %s: %w", path, err)
		}
	}
	overridden, err := config.override(environment, others)
	if err != nil {
		return Config{}, err
	}
	if err := config.check(); err != nil {
		where := "config " + path
		if overridden {
			where = strings.TrimSuffix("config "+path, " ") + ", overridden by the environment"
		}
		return Config{}, fmt.Errorf("%s: %w", where, err)
	}
	return config, nil
}

// override sets what the environment says, in the order of the names, so that the result does not depend on chance.
func (c *Config) override(environment, others []string) (overridden bool, err error) {
	variables := slices.Clone(environment)
	slices.Sort(variables)
	for _, variable := range variables {
		name, value, _ := strings.Cut(variable, "=")
		path, ours := strings.CutPrefix(name, EnvironmentPrefix)
		if !ours || path == "" {
			continue
		}
		known, err := assign(reflect.ValueOf(c).Elem(), path, value)
		switch {
		case err != nil:
			return overridden, fmt.Errorf("environment variable %s: %w", name, err)
		case known:
			overridden = true
		case !slices.Contains(others, name):
			if err := c.unknownVariable(name); err != nil {
				return overridden, err
			}
		}
	}
	return overridden, nil
}

// unknownVariable is an error where a variable was meant for the configuration: it begins with the name of a section,
// or is nearly the name of a key. Others may be anybody's: Kubernetes makes variables of the name of a service.
func (c *Config) unknownVariable(name string) error {
	nearest, distance := "", 3
	section := false
	for _, known := range variableNames(reflect.TypeFor[Config](), strings.TrimSuffix(EnvironmentPrefix, "_")) {
		if d := levenshtein.ComputeDistance(name, known); d < distance {
			nearest, distance = known, d
		}
	}
	for field := range fields(reflect.TypeFor[Config]()) {
		if kind := field.Type.Kind(); kind == reflect.Struct || kind == reflect.Map {
			section = section || strings.HasPrefix(name, EnvironmentPrefix+variablePart(field.Tag.Get("yaml"))+"_")
		}
	}
	switch {
	case nearest != "":
		return fmt.Errorf("environment variable %s: there is no such key; did you mean %s?", name, nearest)
	case section:
		return fmt.Errorf("environment variable %s: there is no such key in the configuration; see docs/config.md", name)
	}
	return nil
}

// errNoKey says that a path leads to no key.
var errNoKey = errors.New("no such key")

// assign sets the key at a path such as LIMITS_BODY_BYTES below a value. It returns false when there is no such key.
func assign(at reflect.Value, path, value string) (known bool, err error) {
	err = set(at, path, value)
	if errors.Is(err, errNoKey) {
		return false, nil
	}
	return true, err
}

func set(at reflect.Value, path, value string) error {
	if path == "" {
		return setValue(at, value)
	}
	switch at.Kind() {
	case reflect.Struct:
		for field := range fields(at.Type()) {
			rest, ok := cutPart(path, variablePart(field.Tag.Get("yaml")))
			if !ok {
				continue
			}
			if err := set(at.FieldByIndex(field.Index), rest, value); !errors.Is(err, errNoKey) {
				return err
			}
		}
	case reflect.Map:
		return setInMap(at, path, value)
	case reflect.Slice:
		number, rest, _ := strings.Cut(path, "_")
		index, err := strconv.Atoi(number)
		if err != nil || index < 0 || index > at.Len() {
			return errNoKey
		}
		if index == at.Len() {
			grown := reflect.Append(at, reflect.Zero(at.Type().Elem()))
			if err := set(grown.Index(index), rest, value); err != nil {
				return err
			}
			at.Set(grown)
			return nil
		}
		return set(at.Index(index), rest, value)
	}
	return errNoKey
}

// setInMap finds the name that a path begins with: one that is there, or the shortest with which the rest is a key.
func setInMap(at reflect.Value, path, value string) error {
	try := func(name, rest string) error {
		element := reflect.New(at.Type().Elem()).Elem()
		if there := at.MapIndex(reflect.ValueOf(name)); there.IsValid() {
			element.Set(there)
		}
		if err := set(element, rest, value); err != nil {
			return err
		}
		if at.IsNil() {
			at.Set(reflect.MakeMap(at.Type()))
		}
		at.SetMapIndex(reflect.ValueOf(name), element)
		return nil
	}
	for _, key := range at.MapKeys() {
		if rest, ok := cutPart(path, variablePart(key.String())); ok {
			if err := try(key.String(), rest); !errors.Is(err, errNoKey) {
				return err
			}
		}
	}
	parts := strings.Split(path, "_")
	for n := 1; n <= len(parts); n++ {
		// A whole app in one variable is an object; anything else is a key of it that does not exist.
		if n == len(parts) && at.Type().Elem().Kind() == reflect.Struct && !strings.HasPrefix(strings.TrimSpace(value), "{") {
			break
		}
		name := strings.ToLower(strings.Join(parts[:n], "_"))
		if err := try(name, strings.Join(parts[n:], "_")); !errors.Is(err, errNoKey) {
			return err
		}
	}
	return errNoKey
}

// setValue reads YAML into a key. A text is taken as it stands, so that no text needs quotes; a list of texts may also
// be given with commas.
func setValue(at reflect.Value, value string) error {
	switch at.Kind() {
	case reflect.String:
		at.SetString(value)
		return nil
	case reflect.Pointer:
		at.Set(reflect.New(at.Type().Elem()))
		return setValue(at.Elem(), value)
	}
	if at.Type() == reflect.TypeFor[[]string]() && !strings.HasPrefix(strings.TrimSpace(value), "[") {
		texts := []string{}
		for text := range strings.SplitSeq(value, ",") {
			if text = strings.TrimSpace(text); text != "" {
				texts = append(texts, text)
			}
		}
		at.Set(reflect.ValueOf(texts))
		return nil
	}
	fresh := reflect.New(at.Type())
	if err := yaml.UnmarshalWithOptions([]byte(value), fresh.Interface(), yaml.Strict()); err != nil {
		return fmt.Errorf("%q cannot be read: %s", value, yaml.FormatError(err, false, false))
	}
	at.Set(fresh.Elem())
	return nil
}

func cutPart(path, part string) (rest string, ok bool) {
	if path == part {
		return "", true
	}
	return strings.CutPrefix(path, part+"_")
}

// variablePart is how a name stands in a variable.
func variablePart(name string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z':
			return r - 'a' + 'A'
		case r >= 'A' && r <= 'Z', r >= '0' && r <= '9':
			return r
		}
		return '_'
	}, name)
}

// variableNames lists the variables of the keys that need no name of an app or a store.
func variableNames(t reflect.Type, prefix string) (names []string) {
	for field := range fields(t) {
		name := prefix + "_" + variablePart(field.Tag.Get("yaml"))
		names = append(names, name)
		if field.Type.Kind() == reflect.Struct {
			names = append(names, variableNames(field.Type, name)...)
		}
	}
	return names
}

// fields are those with a key of their own in the file.
func fields(t reflect.Type) func(yield func(reflect.StructField) bool) {
	return func(yield func(reflect.StructField) bool) {
		for i := range t.NumField() {
			if field := t.Field(i); field.Tag.Get("yaml") != "" && !yield(field) {
				return
			}
		}
	}
}
