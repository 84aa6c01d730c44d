import Kernel
import Testing

@Suite struct ZoneTests {
    /// Each edge: the second before it has the first offset, the edge itself the second.
    static let edges: [(zone: String, instant: String, before: Int, after: Int)] = [
        ("Europe/London", "2026-03-29T01:00:00Z", 0, 3600), ("Europe/London", "2026-10-25T01:00:00Z", 3600, 0),
        ("America/Denver", "2026-03-08T09:00:00Z", -25200, -21600),
        ("America/Denver", "2026-11-01T08:00:00Z", -21600, -25200),
        ("America/Chicago", "2026-03-08T08:00:00Z", -21600, -18000),
        ("America/Chicago", "2026-11-01T07:00:00Z", -18000, -21600),
        ("Australia/Lord_Howe", "2026-04-04T15:00:00Z", 39600, 37800),
        ("Australia/Lord_Howe", "2026-10-03T15:30:00Z", 37800, 39600),
        ("Asia/Kathmandu", "1985-12-31T18:30:00Z", 19800, 20700),
        ("Pacific/Apia", "2011-12-30T10:00:00Z", -36000, 50400),
        // Beyond the table of transitions: the footer's rule.
        ("Europe/London", "2100-03-28T01:00:00Z", 0, 3600), ("Europe/London", "2100-10-31T01:00:00Z", 3600, 0),
        ("America/Denver", "2100-03-14T09:00:00Z", -25200, -21600),
        ("America/Denver", "2100-11-07T08:00:00Z", -21600, -25200),
        ("America/Chicago", "2100-03-14T08:00:00Z", -21600, -18000),
        ("America/Chicago", "2100-11-07T07:00:00Z", -18000, -21600),
        ("Australia/Lord_Howe", "2100-04-03T15:00:00Z", 39600, 37800),
        ("Australia/Lord_Howe", "2100-10-02T15:30:00Z", 37800, 39600),
        ("Europe/Dublin", "2100-03-28T01:00:00Z", 0, 3600), ("Europe/Dublin", "2100-10-31T01:00:00Z", 3600, 0),
    ]

    @Test("the offset changes at the very second it should", arguments: edges)
    func edge(zone: String, instant: String, before: Int, after: Int) throws {
        let zone = try Zone.named(zone)
        let edge = try #require(Timestamp(rfc3339: instant))
        #expect(zone.offset(at: edge - .seconds(1)) == before)
        #expect(zone.offset(at: edge) == after)
        #expect(zone.offset(at: edge - .microseconds(1)) == before)
    }

    @Test("a zone without daylight saving has one offset now and in 2100")
    func kathmandu() throws {
        let zone = try Zone.named("Asia/Kathmandu")
        for text in ["2026-01-01T00:00:00Z", "2026-07-01T00:00:00Z", "2100-07-01T00:00:00Z"] {
            #expect(zone.offset(at: try #require(Timestamp(rfc3339: text))) == 20700)
        }
        #expect(Zone.utc.offset(at: Timestamp(seconds: 4_000_000_000)) == 0)
    }

    @Test("the local day and its seconds follow the zone")
    func localDay() throws {
        let instant = try #require(Timestamp(rfc3339: "2026-11-21T05:30:00Z"))
        #expect(try Zone.named("America/Denver").date(of: instant).description == "2026-11-20")
        #expect(try Zone.named("America/Denver").secondOfDay(at: instant) == 22 * 3600 + 1800)
        #expect(try Zone.named("Asia/Kathmandu").date(of: instant).description == "2026-11-21")
        #expect(try Zone.named("Asia/Kathmandu").secondOfDay(at: instant) == 11 * 3600 + 900)
        let early = try #require(Timestamp(rfc3339: "1969-12-31T23:59:59.5Z"))
        #expect(Zone.utc.date(of: early).description == "1969-12-31")
        #expect(Zone.utc.secondOfDay(at: early) == 86399)
    }

    @Test(
        "a local time becomes its first instant; one the clock skips becomes the end of the skip",
        arguments: [
            ("America/Denver", "2026-07-01", 0, "2026-07-01T06:00:00Z"),
            ("America/Denver", "2026-03-08", 2 * 3600, "2026-03-08T09:00:00Z"),
            ("America/Denver", "2026-03-08", 2 * 3600 + 1800, "2026-03-08T09:00:00Z"),
            ("America/Denver", "2026-03-08", 3 * 3600, "2026-03-08T09:00:00Z"),
            ("America/Denver", "2026-03-08", 7199, "2026-03-08T08:59:59Z"),
            ("America/Denver", "2026-11-01", 5400, "2026-11-01T07:30:00Z"),
            ("Australia/Lord_Howe", "2026-10-04", 2 * 3600 + 900, "2026-10-03T15:30:00Z"),
            ("Asia/Beirut", "2026-03-29", 0, "2026-03-28T22:00:00Z"),
            ("Asia/Beirut", "2026-03-29", 60, "2026-03-28T22:00:00Z"),
            ("Pacific/Apia", "2011-12-30", 43200, "2011-12-30T10:00:00Z"),
            ("Asia/Kathmandu", "2026-01-01", 0, "2025-12-31T18:15:00Z"),
            ("UTC", "2026-01-01", 1, "2026-01-01T00:00:01Z"),
        ])
    func instants(zone: String, date: String, second: Int, instant: String) throws {
        let day = try #require(LocalDate(date))
        #expect(try Zone.named(zone).instant(of: day, secondOfDay: second).description == instant)
    }

    @Test(
        "midnight of every day of two years is on that day",
        arguments: [
            "Europe/London", "America/Denver", "America/Chicago", "Asia/Kathmandu", "Australia/Lord_Howe",
            "Asia/Beirut", "Pacific/Chatham",
        ])
    func midnights(name: String) throws {
        let zone = try Zone.named(name)
        let first = try #require(LocalDate("2026-01-01"))
        for n in 0 ..< 731 {
            let day = first.adding(days: n)
            #expect(zone.date(of: zone.instant(of: day)) == day)
            #expect(zone.date(of: zone.instant(of: day) - .seconds(1)) == day.adding(days: -1))
        }
    }

    @Test(
        "unknown and malicious names are refused with one code",
        arguments: [
            "", "Europe/Nowhere", "Europe", "/etc/passwd", "../../../etc/passwd", "Europe/../../../../etc/passwd",
            "Europe/London\u{0}", "Europe/London ",
            "Europe//London", "Europe/London/", "right/Europe/London", "posix/Europe/London", "tzdata.zi", "zone.tab",
            "Europe\\London",
            "~root", "Europe/Löndon", "GMT0BST,M3.5.0/1,M10.5.0", String(repeating: "A", count: 5000), ".", "..", "-",
            "Europe/London\n",
        ])
    func refuses(name: String) {
        let fault = #expect(throws: Fault.self) { try Zone.named(name) }
        #expect(fault?.code == "unknown_time_zone")
        #expect((fault?.description.utf8.count ?? 0) < 400, "the name is cut in the message")
    }

    @Test("a zone keeps its name, and the same name gives the same zone")
    func names() throws {
        #expect(try Zone.named("America/Argentina/Buenos_Aires").description == "America/Argentina/Buenos_Aires")
        #expect(try Zone.named("Etc/GMT+5").offset(at: Timestamp(seconds: 0)) == -18000)
        #expect(try Zone.named("Europe/London") == Zone.named("Europe/London"))
        #expect(try Zone.named("UTC") == .utc)
    }
}
