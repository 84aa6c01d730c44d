import Kernel
import Testing

@testable import Postgres

@Suite("where the database is") struct ConfigurationTests {
    private func value(_ keyword: String, _ configuration: PostgresConfiguration, attempt: Int = 0) -> String? {
        configuration.keywords(attempt: attempt).first { $0.keyword == keyword }?.value
    }

    @Test("the way there is what the URL says of it, then what libpq's own variables say; who logs in is no part of it")
    func way() throws {
        let read = try PostgresConfiguration(url: "postgresql://anna:pass@db1/books?sslmode=verify-full&sslrootcert=/etc/ca.pem&sslkey=/etc/key.pem&application_name=x")
        #expect(read.way([:]) == ["sslmode": "verify-full", "sslrootcert": "/etc/ca.pem"])
        #expect(read.way(["PGSSLMODE": "disable", "PGTARGETSESSIONATTRS": "read-write", "PGPASSWORD": "hush", "PGSSLROOTCERT": "", "PGSSLKEY": "/k"])
            == ["sslmode": "verify-full", "sslrootcert": "/etc/ca.pem", "target_session_attrs": "read-write"])
        #expect(PostgresConfiguration().way(["PGSSLMODE": "verify-ca", "PGCHANNELBINDING": "require"]) == ["sslmode": "verify-ca", "channel_binding": "require"])
    }

    @Test("a URL is read by libpq's own rules") func url() throws {
        let url = "postgresql://anna:p%40ss%27w%5C@db1:5433,db2:5434/books?sslmode=require&target_session_attrs=read-write&application_name=x"
        let read = try PostgresConfiguration(url: url)
        #expect(read.host == "db1,db2")
        #expect(read.port == "5433,5434")
        #expect(read.database == "books")
        #expect(read.user == "anna")
        #expect(read.password == Secret("p@ss'w\\"))
        #expect(read.applicationName == "x")
        #expect(read.options["sslmode"] == "require")
        #expect(value("target_session_attrs", read) == "read-write")
        #expect(value("client_encoding", read) == "UTF8")
        let again = try PostgresConfiguration(url: read.conninfo.revealText())
        #expect(again.password == read.password)
        #expect(again.host == read.host)
    }

    @Test("a socket folder and a conninfo string work too") func socket() throws {
        #expect(try PostgresConfiguration(url: "host=/run/postgresql dbname=x user=y").host == "/run/postgresql")
        #expect(try PostgresConfiguration(url: "postgresql:///x?host=%2Frun%2Fpostgresql").host == "/run/postgresql")
    }

    @Test("a URL that can't be read is refused without repeating it", arguments: [
        "mysql://u:geheim@h/d", "postgresql://u:geheim@h/d?nonsense=1", "postgresql://u:geheim@[::1/d", "postgresql://u:geheim%zz@h/d", "x\0y",
    ])
    func unreadable(_ url: String) async {
        let found = await fault { _ = try PostgresConfiguration(url: url) }
        #expect(found?.code == "database_url")
        #expect(found.map { "\($0)".contains("geheim") } == false)
    }

    @Test("the password shows nowhere but in the conninfo") func secrecy() {
        let one = PostgresConfiguration(host: "h", port: "1", database: "d", user: "u", password: Secret("geheim"))
        #expect("\(one)" == "u@h:1/d")
        #expect(!"\(one.conninfo)".contains("geheim"))
        var text = ""
        dump(one, to: &text)
        #expect(!text.contains("geheim"))
    }

    @Test("each failed attempt begins with the next host, ports in step") func rotation() {
        let three = PostgresConfiguration(host: "a,b,c", port: "1,2,3")
        #expect(value("host", three, attempt: 1) == "b,c,a")
        #expect(value("port", three, attempt: 1) == "2,3,1")
        #expect(value("host", three, attempt: 3) == "a,b,c")
        let shared = PostgresConfiguration(host: "a,b", port: "5432")
        #expect(value("host", shared, attempt: 1) == "b,a")
        #expect(value("port", shared, attempt: 1) == "5432")
    }
}
