package conformance

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/halong-gateway/halong/dicom/tag"
	"github.com/halong-gateway/halong/dicomweb/client"
	"github.com/halong-gateway/halong/internal/app/config"
)

const nginxProgram = "/usr/sbin/nginx"

// nginx starts a private nginx that passes /hospital/ on to a gateway, as its manual says to; more is put into the location.
func nginx(t *testing.T, gateway, more string) (url string) {
	t.Helper()
	if _, err := os.Stat(nginxProgram); err != nil {
		missing(t, nginxProgram+" (make deps installs it)")
	}
	dir := t.TempDir()
	return "http://" + listening(t, nginxProgram, func(port string) []string {
		text := fmt.Sprintf(`
daemon off; worker_processes 1; pid %[1]s/pid; error_log %[1]s/error.log;
events {}
http {
	access_log off; client_max_body_size 0;
	client_body_temp_path %[1]s/body; proxy_temp_path %[1]s/proxy; fastcgi_temp_path %[1]s/f; uwsgi_temp_path %[1]s/u; scgi_temp_path %[1]s/s;
	server {
		listen 127.0.0.1:%[2]s;
		location /hospital/ {
			proxy_pass http://%[3]s/;
			proxy_http_version 1.1; proxy_request_buffering off; proxy_buffering off;
			%[4]s
		}
	}
}`, dir, port, gateway, more)
		name := filepath.Join(dir, "nginx.conf")
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return []string{"-c", name, "-p", dir}
	})
}

const forwardedHost = `
	proxy_set_header X-Forwarded-For $remote_addr; proxy_set_header X-Forwarded-Proto $scheme;
	proxy_set_header X-Forwarded-Host $http_host; proxy_set_header X-Forwarded-Prefix /hospital;`

// TestBehindNginx: through a reverse proxy on another path, everything that the gateway names can be had under the name it gives:
// with X-Forwarded headers and with Forwarded, absolute and relative. The words of a proxy that is not trusted count for nothing.
func TestBehindNginx(t *testing.T) {
	interop(t, peerNginx, "STOW-RS, QIDO-RS, WADO-RS", asSCP, "as reverse proxy on another path: X-Forwarded headers, Forwarded, relative BulkDataURIs; every URL given out is nginx's")
	for _, x := range []struct {
		name, headers string
		configure     func(*config.Config)
		base          string // what URLs begin with; PROXY stands for nginx's own
		bulk          string // what BulkDataURIs begin with
	}{
		{"X-Forwarded", forwardedHost, func(c *config.Config) { c.HTTP.Proxies = []string{"127.0.0.0/8"} }, "PROXY/hospital/base/dicom-web", "PROXY/hospital/base/dicom-web"},
		{
			"relative", forwardedHost, func(c *config.Config) {
				c.HTTP.Proxies, c.DICOMweb.BulkURI = []string{"127.0.0.1"}, config.BulkURIRelative
			},
			"PROXY/hospital/base/dicom-web", "/hospital/base/dicom-web",
		},
		{
			"Forwarded", `proxy_set_header Forwarded "for=$remote_addr;host=\"$http_host\";proto=http"; proxy_set_header X-Forwarded-Prefix /hospital;`,
			func(c *config.Config) { c.HTTP.Proxies = []string{"127.0.0.1"} }, "PROXY/hospital/base/dicom-web", "PROXY/hospital/base/dicom-web",
		},
		{"told in the configuration", "", func(c *config.Config) { c.HTTP.Public = "https://pacs.example/hospital" }, "https://pacs.example/hospital/base/dicom-web", "https://pacs.example/hospital/base/dicom-web"},
		{"not trusted", forwardedHost, func(c *config.Config) { c.HTTP.Proxies = []string{"10.0.0.0/8"} }, "http://GATEWAY/base/dicom-web", "http://GATEWAY/base/dicom-web"},
	} {
		t.Run(x.name, func(t *testing.T) {
			c := onLoopback(t.TempDir())
			c.HTTP.Base = "/base"
			x.configure(c)
			g := serve(t, c)
			proxy := nginx(t, g.HTTP, x.headers)
			named := strings.NewReplacer("PROXY", proxy, "GATEWAY", g.HTTP).Replace
			checkNames(t, &client.Client{URL: proxy + "/hospital/base/dicom-web"}, named(x.base), named(x.bulk))
		})
	}
}

// checkNames stores through the proxy and looks at the URLs that are given.
func checkNames(t *testing.T, c *client.Client, base, bulkBase string) {
	t.Helper()
	o := newObject(1, 1, 100_000, "P1")
	contentType, body := stowBody(t, o.part10())
	resp, err := http.Post(c.URL+"/studies", contentType, body)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close() // read to its end
	if err != nil || resp.StatusCode != http.StatusOK || !strings.Contains(string(answer), `"`+base+o.path()+`"`) {
		t.Errorf("STOW-RS: %d %s %v, want %s", resp.StatusCode, answer, err, base)
	}
	ctx := t.Context()
	for level, path := range []string{"/studies/" + string(o.study), "/studies/" + string(o.study) + "/series/" + string(o.series), o.path()} {
		found, err := first(c.Search(ctx, client.Query{Level: client.Level(level)}))
		if err != nil {
			t.Fatal(err)
		}
		if got := found.String(tag.RetrieveURL); got != base+path {
			t.Errorf("Retrieve URL %s, want %s", got, base+path)
		}
	}
	m, err := first(c.Metadata(ctx, client.Resource{Study: o.study}))
	if err != nil || len(m.Bulk) == 0 {
		t.Fatalf("metadata: %v, %d bulk values", err, len(m.Bulk))
	}
	if !strings.HasPrefix(m.Bulk[0].URI, bulkBase+o.path()) {
		t.Errorf("BulkDataURI %s, want it to begin with %s", m.Bulk[0].URI, bulkBase)
	}
	if !strings.HasPrefix(base, "http://127.0.0.1") {
		return // nobody is there
	}
	bulk, err := c.Bulkdata(ctx, m.Bulk[0].URI, client.BulkOptions{Range: &client.Range{Start: 10, Length: 50_000}})
	if err != nil {
		t.Fatal(err)
	}
	defer bulk.Close()
	if b, err := io.ReadAll(bulk); err != nil || len(b) != 50_000 || bulk.Total != 100_000 {
		t.Errorf("%d bytes of %d, %v", len(b), bulk.Total, err)
	}
}

// TestHTTP2: W27: HTTP/2 over TLS always, in clear where it is asked for.
func TestHTTP2(t *testing.T) {
	needTool(t, "curl")
	ca := newAuthority(t)
	server := ca.issue(t, "localhost")
	withTLS := onLoopback(t.TempDir())
	withTLS.HTTP.TLS.Cert, withTLS.HTTP.TLS.Key = server.cert, server.key
	clear := onLoopback(t.TempDir())
	clear.HTTP.H2C = true
	o := newObject(1, 1, 3_000_000, "P1")
	for _, x := range []struct {
		name, version string
		config        *config.Config
		args          []string
	}{
		{"TLS", "2", withTLS, []string{"--http2", "--cacert", ca.file}},
		{"TLS, HTTP/1.1", "1.1", withTLS, []string{"--http1.1", "--cacert", ca.file}},
		{"clear", "2", clear, []string{"--http2-prior-knowledge"}},
		{"clear, HTTP/1.1", "1.1", clear, []string{"--http1.1"}},
		{"not asked for", "0", onLoopback(t.TempDir()), []string{"--http2-prior-knowledge"}},
	} {
		t.Run(x.name, func(t *testing.T) {
			g := serve(t, x.config)
			_, port, _ := strings.Cut(g.HTTP, ":")
			base := strings.Split(g.URL, ":")[0] + "://localhost:" + port + "/dicom-web"
			storeAll(t, g.DICOM, []object{o})
			out := filepath.Join(t.TempDir(), "out")
			args := append([]string{"-sS", "-o", out, "-w", "%{http_version} %{http_code}", "-H", "Accept: application/dicom; transfer-syntax=*"}, x.args...)
			said, err := exec.Command("curl", append(args, base+o.path())...).Output()
			if x.version == "0" {
				if err == nil {
					t.Errorf("HTTP/2 in clear without h2c: %s", said)
				}
				return
			}
			if err != nil || string(said) != x.version+" 200" {
				t.Fatalf("%s, %v", said, err)
			}
			if b := read(t, out); !bytes.HasSuffix(b, o.data) {
				t.Errorf("other bytes: %d", len(b))
			}
			other := newObject(2, 1, 200_000, "P2")
			contentType, body := stowBody(t, other.part10())
			args = append([]string{"-sS", "-o", out, "-w", "%{http_version} %{http_code}", "-H", "Content-Type: " + contentType, "--data-binary", "@-"}, x.args...)
			post := exec.Command("curl", append(args, base+"/studies")...)
			post.Stdin = body
			if said, err := post.Output(); err != nil || string(said) != x.version+" 200" {
				t.Errorf("STOW-RS: %s, %v", said, err)
			}
		})
	}
}
