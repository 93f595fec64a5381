package profile

import (
	"reflect"

	"go.yaml.in/yaml/v3"

	"github.com/meridian-gateway/meridian/profile/presets"
)

// Merge lays a preset under what a user wrote: mappings are joined key by key, at any depth, and where both have something
// else than a mapping the user's stands, lists as a whole. A user's null leaves the preset's. Neither argument is changed;
// either may be nil. Nodes of the result keep the line and column where they were written.
func Merge(preset, user *yaml.Node) *yaml.Node {
	preset, user = content(preset), content(user)
	switch {
	case preset == nil:
		return user
	case user == nil || user.Kind == yaml.ScalarNode && user.ShortTag() == "!!null":
		return preset
	case preset.Kind != yaml.MappingNode || user.Kind != yaml.MappingNode:
		return user
	}
	out := *user
	out.Content = nil
	for i := 0; i+1 < len(user.Content); i += 2 {
		k := user.Content[i]
		out.Content = append(out.Content, k, Merge(child(preset, k.Value), user.Content[i+1]))
	}
	for i := 0; i+1 < len(preset.Content); i += 2 {
		if k := preset.Content[i]; child(user, k.Value) == nil {
			out.Content = append(out.Content, k, preset.Content[i+1])
		}
	}
	return &out
}

// content is the node behind documents and aliases.
func content(n *yaml.Node) *yaml.Node {
	for n != nil {
		switch {
		case n.Kind == yaml.DocumentNode && len(n.Content) > 0:
			n = n.Content[0]
		case n.Kind == yaml.AliasNode:
			n = n.Alias
		case n.Kind == 0 || n.Kind == yaml.DocumentNode:
			return nil
		default:
			return n
		}
	}
	return nil
}

func child(n *yaml.Node, key string) *yaml.Node {
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			return n.Content[i+1]
		}
	}
	return nil
}

// template is what a preset lays under each collection.
func template(preset string) (CollectionSpec, error) {
	var file struct {
		Collection CollectionSpec `yaml:"collection"`
	}
	text, err := presets.Load(preset)
	if err == nil {
		err = yaml.Unmarshal(text, &file)
	}
	return file.Collection, err
}

// lay is Merge on decoded values: what is not set in user is taken from the preset. Laying it twice does nothing more.
func lay(preset, user reflect.Value) {
	switch user.Kind() {
	case reflect.Pointer:
		switch {
		case preset.IsNil():
		case user.IsNil():
			user.Set(preset)
		case user.Type().Elem().Kind() == reflect.Struct && !whole(user.Elem()):
			made := reflect.New(user.Type().Elem()) // the caller's own stays as it is
			made.Elem().Set(user.Elem())
			user.Set(made)
			lay(preset.Elem(), made.Elem())
		}
	case reflect.Struct:
		for i := range user.NumField() {
			lay(preset.Field(i), user.Field(i))
		}
	default:
		if user.IsZero() {
			user.Set(preset)
		}
	}
}

// whole reports whether a value stands for itself: a call that is switched off, an etag that is on or off.
func whole(v reflect.Value) bool {
	switch s := v.Interface().(type) {
	case CallSpec:
		return s.Off
	case FindSpec:
		return s.Off
	case ETagSpec:
		return true
	}
	return false
}
