import Glibc
import Kernel
import Synchronization
import Testing

@testable import Postgres

/// Says to whoever connects that his login is refused, as a PostgreSQL server does, and to nobody else anything.
private final class Refuser: Sendable {
    let port: Int
    private let listener: Int32

    /// - address: on which it listens, and on no other.
    init(_ address: String) throws {
        listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        var place = sockaddr_in()
        place.sin_family = sa_family_t(AF_INET)
        inet_pton(AF_INET, address, &place.sin_addr)
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let listener = listener
        let bound = withUnsafeMutablePointer(to: &place) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                Glibc.bind(listener, pointer, size) == 0 && listen(listener, 8) == 0 && getsockname(listener, pointer, &size) == 0
            }
        }
        try #require(bound)
        port = Int(UInt16(bigEndian: place.sin_port))
        var thread = pthread_t()
        let started = pthread_create(&thread, nil, { raw in
            let listener = Int32(Int(bitPattern: raw))
            while case let client = accept(listener, nil, nil), client >= 0 {
                var greeting = [UInt8](repeating: 0, count: 4096)
                _ = read(client, &greeting, greeting.count)
                let fields = "SFATAL\u{0}VFATAL\u{0}C28P01\u{0}Mnot you\u{0}\u{0}"
                let length = UInt32(fields.utf8.count + 4)
                let answer: [UInt8] = [UInt8(ascii: "E")] + [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: length >> UInt32($0)) } + Array(fields.utf8)
                _ = write(client, answer, answer.count)
                close(client)
            }
            return nil
        }, UnsafeMutableRawPointer(bitPattern: Int(listener)))
        try #require(started == 0)
        pthread_detach(thread)
    }

    deinit { shutdown(listener, Int32(SHUT_RDWR)) }
}

/// Never answers.
private let neverLook: Resolver.Look = { _ in
    while true { pause() }
}

@Suite("hosts' names", .timeLimit(.minutes(1))) struct HostNamesTests {
    private func names(_ settings: [(keyword: String, value: String)], _ environment: [String: String] = [:]) -> HostNames {
        HostNames(settings) { environment[$0] }
    }

    private func text(_ keywords: [(keyword: String, value: String)]?) -> String? { keywords.map { $0.map { "\($0.keyword)=\($0.value)" }.joined(separator: " ") } }

    @Test("each address of each name stands beside its name, in order, and ports with their hosts") func expanded() {
        let found = ["a": ["10.0.0.2", "fd00::2"], "b": ["10.0.0.3"]]
        let both = names([("host", "a,b"), ("port", "1,2"), ("user", "u")])
        #expect(both.wanted == ["a", "b"])
        #expect(text(both.keywords(found: found)) == "host=a,a,b hostaddr=10.0.0.2,fd00::2,10.0.0.3 port=1,1,2 user=u")
        let mixed = names([("host", "/run,a,10.1.1.1"), ("port", "7")])
        #expect(mixed.wanted == ["a"])
        #expect(text(mixed.keywords(found: found)) == "host=/run,a,a,10.1.1.1 hostaddr=,10.0.0.2,fd00::2, port=7,7,7,7")
        let given = names([("host", "a,b"), ("hostaddr", "10.9.9.9,")])
        #expect(given.wanted == ["b"])
        #expect(text(given.keywords(found: found)) == "host=a,b hostaddr=10.9.9.9,10.0.0.3")
    }

    @Test("a name whose first address swallows packets begins with the next once each host has been the first") func turned() {
        let one = names([("host", "a")]), found = ["a": ["10.0.0.1", "10.0.0.2", "10.0.0.3"], "b": ["10.0.0.9"]]
        let firsts = (0 ... 3).map { text(one.keywords(found: found, attempt: $0)) }
        #expect(firsts == ["1,10.0.0.2,10.0.0.3", "2,10.0.0.3,10.0.0.1", "3,10.0.0.1,10.0.0.2", "1,10.0.0.2,10.0.0.3"].map { "host=a,a,a hostaddr=10.0.0.\($0)" })
        // The list of hosts is turned before this: with two, each address is the first once in six attempts.
        var began: Set<String> = []
        for attempt in 0 ..< 6 {
            let configuration = PostgresConfiguration(host: "a,b", port: "1,2", user: "u")
            let both = HostNames(configuration.keywords(attempt: attempt)) { _ in nil }.keywords(found: found, attempt: attempt) ?? []
            for (keyword, value) in both where keyword == "hostaddr" { began.insert(String(value.prefix { $0 != "," })) }
        }
        #expect(began == ["10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.9"])
        #expect(one.keywords(found: ["a": []], attempt: 3) == nil)
    }

    @Test("a name without an address is left out while another host has one; with none, nothing can be tried") func unknown() {
        let both = names([("host", "a,b")])
        #expect(text(both.keywords(found: ["b": ["10.0.0.3"], "a": []])) == "host=b hostaddr=10.0.0.3")
        #expect(both.keywords(found: ["a": [], "b": []]) == nil)
    }

    @Test("sockets, addresses, services and lists that don't match are libpq's own affair", arguments: [
        [("user", "u")], [("host", "/run/postgresql")], [("host", "@abstract")], [("host", "127.0.0.1,::1")], [("host", "a"), ("hostaddr", "10.0.0.1")],
        [("host", "a,b"), ("port", "1,2,3")], [("host", "a,b"), ("hostaddr", "10.0.0.1")], [("host", "a"), ("service", "s")], [("host", "")],
    ] as [[(keyword: String, value: String)]])
    func untouched(settings: [(keyword: String, value: String)]) {
        let found = names(settings)
        #expect(found.wanted.isEmpty)
        #expect(text(found.keywords(found: [:])) == text(settings.sorted { $0.keyword < $1.keyword }))
    }

    @Test("libpq's own variables count where nothing is set, and a service file before them") func variables() {
        let environment = ["PGHOST": "a", "PGPORT": "6432"]
        #expect(text(names([("user", "u")], environment).keywords(found: ["a": ["10.0.0.2"]])) == "host=a hostaddr=10.0.0.2 port=6432 user=u")
        #expect(names([("host", "/run")], environment).wanted.isEmpty)
        #expect(text(names([("user", "u")], environment.merging(["PGSERVICE": "s"]) { $1 }).keywords(found: [:])) == "user=u")
    }

    @Test("a name server that never answers stops nobody else's statements, and who waits for it is told in time") func silent() async throws {
        let reactor = PostgresReactor(look: neverLook)
        let cluster = try Cluster.shared.get()
        let lost = PostgresPool(PostgresConfiguration(host: "db.invalid", user: "u"), size: 2, patience: .milliseconds(300), reactor: reactor)
        let healthy = PostgresPool(cluster.configuration, size: 2, reactor: reactor)
        async let waiting = fault { try await lost.query("select 1") }
        for n in 0 ..< 50 { #expect(try await healthy.query("select \(n) as n")[0].get("n", as: Int.self) == n) }
        let found = await waiting
        #expect(found?.disposition == .retry)
        // And again, while the first look-up still hangs.
        #expect(await fault { try await lost.query("select 1") }?.disposition == .retry)
        await lost.close()
        #expect(try await healthy.query("select 1 as n").count == 1)
        await healthy.close()
    }

    @Test("a name's addresses are tried in their order, and the server behind the second answers for the first that is closed") func order() async throws {
        let server = try Refuser("127.0.0.1")
        let asked = Mutex<[String]>([])
        let reactor = PostgresReactor(look: { name in
            asked.withLock { $0.append(name) }
            return ["127.0.0.77", "127.0.0.1"]
        })
        let configuration = PostgresConfiguration(
            host: "db.test", port: "\(server.port)", database: "d", user: "u", options: ["sslmode": "disable", "gssencmode": "disable"])
        let pool = PostgresPool(configuration, size: 1, patience: .seconds(20), reactor: reactor)
        let found = await fault { try await pool.query("select 1") }
        #expect(found?.code == "login_refused")
        #expect(asked.withLock { $0 } == ["db.test"])
        await pool.close()
    }

    @Test("a name that nobody knows is a database that can't be reached, and its name is said") func nobody() async throws {
        let reactor = PostgresReactor(look: { _ in [] })
        let pool = PostgresPool(PostgresConfiguration(host: "db.test", user: "u"), size: 1, patience: .milliseconds(200), reactor: reactor)
        let found = await fault { try await pool.query("select 1") }
        #expect(found?.code == "database_down")
        #expect(found?.underlying?.contains("db.test") == true)
        await pool.close()
    }

    @Test("those who ask for a name while it is looked up wait for that one look-up; who asks later has it looked up anew") func shared() async throws {
        let looks = Atomic<Int>(0)
        let door = Door()
        let resolver = Resolver { name in
            looks.add(1, ordering: .relaxed)
            door.wait()
            return [name]
        }
        let answers = AsyncStream<[String]>.makeStream()
        for _ in 0 ..< 5 { resolver.find("a") { _, found in answers.continuation.yield(found) } }
        door.open()
        var came = answers.stream.makeAsyncIterator()
        #expect(await came.next() == ["a"])
        #expect(looks.load(ordering: .relaxed) == 1)
        resolver.find("a") { _, found in answers.continuation.yield(found) }
        #expect(await came.next() == ["a"])
        #expect(looks.load(ordering: .relaxed) == 2)
    }

    @Test("beside a look-up that does not come back the name is looked up anew after a while, and by no third") func hangs() async throws {
        let clocks = ManualClocks(Timestamp(seconds: 1_700_000_000))
        let begun = AsyncStream<String>.makeStream()
        let looks = Atomic<Int>(0)
        let comes = Atomic<Bool>(true)
        let resolver = Resolver(clocks: clocks) { name in
            let n = looks.add(1, ordering: .relaxed).newValue
            begun.continuation.yield("\(name)\(n)")
            return n > 1 && comes.load(ordering: .relaxed) ? [name] : neverLook(name)
        }
        let answers = AsyncStream<[String]>.makeStream()
        var looked = begun.stream.makeAsyncIterator(), came = answers.stream.makeAsyncIterator()
        let find = { resolver.find("a") { _, found in answers.continuation.yield(found) } }
        find()
        #expect(await looked.next() == "a1")
        clocks.advance(by: Resolver.looksMost - .nanoseconds(1))
        find()
        #expect(looks.load(ordering: .relaxed) == 1)
        clocks.advance(by: .nanoseconds(1))
        // As often as it is asked for: the second comes back each time.
        for n in 2 ... 4 {
            find()
            #expect(await looked.next() == "a\(n)")
            #expect(await came.next() == ["a"])
        }
        comes.store(false, ordering: .relaxed)
        find()
        #expect(await looked.next() == "a5")
        for _ in 0 ..< 5 {
            clocks.advance(by: Resolver.looksMost)
            find()
        }
        resolver.find("b") { _, _ in }
        #expect(await looked.next() == "b6", "two hang, and that is all; another name is looked up all the same")
        #expect(looks.load(ordering: .relaxed) == 6)
    }
}

/// Opens once, for threads that wait.
private final class Door: Sendable {
    private let ends: (read: Int32, write: Int32)

    init() {
        var pair: [Int32] = [0, 0]
        precondition(pipe(&pair) == 0, "no descriptor is left")
        ends = (pair[0], pair[1])
    }

    func wait() {
        var one = pollfd(fd: ends.read, events: Int16(POLLIN), revents: 0)
        while poll(&one, 1, -1) < 0 {}
    }

    func open() { _ = write(ends.write, [1] as [UInt8], 1) }
}
