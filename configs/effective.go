package configs

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// source is the text of a network file with what its variables stood for when it was read, so that it can be shown and compared later
// although the environment has changed. It is the text and not the tree, which takes many times the memory.
type source struct {
	data []byte
	// values are what stood in ${}, by the text between the braces.
	values map[string]string
}

// Masked stands for a value that is not shown.
const Masked = "[secret]"

// Text is the network file as it is in force, as YAML: variables and aliases are expanded, defaults of the network and of sites are filled
// in, comments are gone and everything that is or may be a secret is masked.
func (n *Network) Text() string {
	t := n.tree()
	t.mask(t.root, nil)
	out, err := yaml.Marshal(t.root)
	if err != nil { // a tree that was read from YAML can be written as YAML
		return "# the file cannot be shown: " + err.Error() + "\n"
	}
	return string(out)
}

// tree is a network file as plain nodes, without aliases, merges, comments and styles.
type tree struct {
	root *yaml.Node
	// secret are the values into which something was expanded that looks like a secret by the name of its variable.
	secret map[*yaml.Node]bool
	nodes  int
}

// mostNodes bounds what aliases can make of a small file.
const mostNodes = 20_000_000

// tree reads the file again.
func (n *Network) tree() *tree {
	t := &tree{root: &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map"}, secret: map[*yaml.Node]bool{}}
	if n.source == nil {
		return t
	}
	p := &parser{file: n.Path, known: n.source.values, broken: map[*yaml.Node]bool{}}
	root := p.yaml(n.source.data)
	if root == nil {
		return t
	}
	hidden := map[*yaml.Node]bool{}
	suspects(root, hidden)
	p.expand(root)
	t.root = t.plain(root, hidden, 0)
	t.fill(n)
	return t
}

// suspect are variables that hold secrets by their names, and all files.
var suspect = regexp.MustCompile(`(?i)\$\{(file:|[^}]*(pass|secret|token|key|cred|auth|pwd))`)

func suspects(n *yaml.Node, into map[*yaml.Node]bool) {
	for _, c := range n.Content {
		suspects(c, into)
	}
	if n.Kind == yaml.ScalarNode && suspect.MatchString(n.Value) {
		into[n] = true
	}
}

// plain copies a node.
func (t *tree) plain(n *yaml.Node, hidden map[*yaml.Node]bool, depth int) *yaml.Node {
	n = deref(n)
	t.nodes++
	out := &yaml.Node{Kind: n.Kind, Tag: n.Tag, Value: n.Value}
	switch {
	case depth > 100 || t.nodes > mostNodes:
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: "…"}
	case n.Kind == yaml.MappingNode:
		for _, kv := range pairs(n) {
			key := &yaml.Node{Kind: yaml.ScalarNode, Tag: kv.key.Tag, Value: kv.key.Value, Style: kv.key.Style & (yaml.DoubleQuotedStyle | yaml.SingleQuotedStyle)}
			out.Content = append(out.Content, key, t.plain(kv.value, hidden, depth+1))
		}
	case n.Kind == yaml.SequenceNode:
		for _, c := range n.Content {
			out.Content = append(out.Content, t.plain(c, hidden, depth+1))
		}
	default:
		out.Style = n.Style & (yaml.DoubleQuotedStyle | yaml.SingleQuotedStyle | yaml.LiteralStyle | yaml.FoldedStyle)
		if hidden[n] {
			t.secret[out] = true
		}
	}
	if short(n) {
		out.Style |= yaml.FlowStyle
	}
	return out
}

// short tells lists and mappings that fit into a line: of scalars alone, and few.
func short(n *yaml.Node) bool {
	return n.Kind == yaml.SequenceNode && len(n.Content) <= 8 && !slices.ContainsFunc(n.Content, func(c *yaml.Node) bool { return deref(c).Kind != yaml.ScalarNode })
}

// fill puts in what the file leaves to its defaults.
func (t *tree) fill(n *Network) {
	l, d := n.Limits, n.Defaults
	limits := []string{"body", size(l.Body), "depth", strconv.Itoa(l.Depth), "header", size(l.Header), "header_timeout", span(l.HeaderTimeout),
		"body_timeout", span(l.BodyTimeout), "client_writes", strconv.Itoa(l.ClientWrites), "connections", strconv.Itoa(l.Connections)}
	defaults := []string{"unreachable", d.Unreachable, "writes", d.Writes, "update", d.Update, "on_delete", d.OnDelete, "drift", d.Drift,
		"store_down", d.StoreDown, "lag_limit", span(n.LagLimit)}
	t.put(t.root, "limits", limits)
	t.put(t.root, "defaults", defaults)
	for _, name := range n.Order {
		s, at := n.Sites[name], value(t.root, "sites")
		if at == nil {
			continue
		}
		t.put(at, string(name), []string{"store", s.Store, "timezone", s.Timezone.String()})
	}
}

// put sets scalars of the mapping under a key, making it where it is not there. What is the same in another form takes that of ours.
func (t *tree) put(in *yaml.Node, key string, pairsOf []string) {
	at := value(in, key)
	if at == nil || at.Kind != yaml.MappingNode {
		at = &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map"}
		in.Content = append(in.Content, &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: key}, at)
	}
	for i := 0; i+1 < len(pairsOf); i += 2 {
		if v := value(at, pairsOf[i]); v != nil {
			if v.Kind == yaml.ScalarNode {
				v.Value, v.Tag = pairsOf[i+1], ""
			}
			continue
		}
		at.Content = append(at.Content, &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: pairsOf[i]}, &yaml.Node{Kind: yaml.ScalarNode, Value: pairsOf[i+1]})
	}
}

// size is a number of bytes as a person writes it.
func size(n int64) string {
	for _, u := range []struct {
		suffix string
		n      int64
	}{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}} {
		if n >= u.n && n%u.n == 0 {
			return strconv.FormatInt(n/u.n, 10) + u.suffix
		}
	}
	return strconv.FormatInt(n, 10)
}

// span is a duration as a person writes it: 1m and not 1m0s.
func span(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// mask hides what is secret below a node; path is where it is.
func (t *tree) mask(n *yaml.Node, path []string) {
	switch n.Kind {
	case yaml.MappingNode:
		for i := 0; i+1 < len(n.Content); i += 2 {
			t.mask(n.Content[i+1], append(slices.Clip(path), n.Content[i].Value))
		}
	case yaml.SequenceNode:
		for _, c := range n.Content {
			t.mask(c, path)
		}
	default:
		if n.Value != "" && (t.secret[n] || secretAt(path)) {
			n.Value, n.Tag, n.Style = Masked, "!!str", 0
		}
		n.Value = userinfo.ReplaceAllString(n.Value, "//*****@")
	}
}

// plainCredentials are the keys of credentials and logins that are no secrets.
var plainCredentials = map[string]bool{"username": true, "method": true, "path": true, "from": true, "at": true, "name": true, "lifetime": true, "status": true,
	"expired": true, "basic": true}

// plainHeaders are headers that hold no secrets; of others nobody knows.
var plainHeaders = map[string]bool{"accept": true, "content-type": true, "user-agent": true, "accept-language": true, "prefer": true}

// secretName is what values are called that are secrets wherever they are.
var secretName = regexp.MustCompile(`(?i)^(password|passwd|secret|client_secret|api[-_]?key|authorization|bearer|peer_key|view_token)$`)

// secretAt reports whether what is at a path of the file must not be shown.
func secretAt(path []string) bool {
	leaf := path[len(path)-1]
	under := func(key string) bool { return slices.Contains(path[:len(path)-1], key) }
	switch {
	case secretName.MatchString(leaf):
		return true
	case path[0] == "security":
		return leaf == "peer_key"
	case path[0] == "sites" && len(path) > 2 && path[2] == "admin":
		return leaf == "token"
	case path[0] == "sites" && len(path) > 2 && path[2] == "credentials":
		return !plainCredentials[leaf]
	case path[0] == "profiles" && len(path) > 2 && path[2] == "login":
		return !plainCredentials[leaf] || under("values") || under("form") || under("json") || under("send")
	case (path[0] == "profiles" || path[0] == "tracing") && under("headers"):
		return !plainHeaders[strings.ToLower(leaf)]
	}
	return false
}
