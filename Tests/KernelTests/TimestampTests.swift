import Kernel
import Testing

@Suite struct TimestampTests {
    @Test(
        "RFC 3339 is read to the microsecond",
        arguments: [
            ("1970-01-01T00:00:00Z", 0), ("1970-01-01T00:00:01.5Z", 1_500_000), ("1969-12-31T23:59:59.999999Z", -1),
            ("2026-11-21T09:30:00Z", 1_795_253_400_000_000), ("2026-11-21t09:30:00z", 1_795_253_400_000_000),
            ("2026-11-21 09:30:00Z", 1_795_253_400_000_000), ("2026-11-21T04:30:00-05:00", 1_795_253_400_000_000),
            ("2026-11-21T15:15:00+05:45", 1_795_253_400_000_000), ("2026-11-21T09:30:00-00:00", 1_795_253_400_000_000),
            ("2026-11-21T09:30:00.123456789Z", 1_795_253_400_123_456),
            ("0001-01-01T00:00:00Z", -62_135_596_800_000_000),
            ("9999-12-31T23:59:59.999999Z", 253_402_300_799_999_999), ("2016-12-31T23:59:60Z", 1_483_228_800_000_000),
        ] as [(String, Int64)])
    func reads(text: String, microseconds: Int64) {
        #expect(Timestamp(rfc3339: text)?.microseconds == microseconds)
    }

    @Test(
        "a time that is not RFC 3339, or does not say where it is, is no instant",
        arguments: [
            "", "2026-11-21", "2026-11-21T09:30:00", "2026-11-21T09:30Z", "2026-11-21T09:30:00.Z",
            "2026-11-21T09:30:00,5Z",
            "2026-11-21T24:00:00Z", "2026-11-21T09:60:00Z", "2026-11-21T09:30:61Z", "2026-02-29T00:00:00Z",
            "2026-13-01T00:00:00Z",
            "2026-11-21T09:30:00+24:00", "2026-11-21T09:30:00+05:60", "2026-11-21T09:30:00+5:00",
            "2026-11-21T09:30:00+05",
            "2026-11-21T09:30:00Zx", " 2026-11-21T09:30:00Z", "2026-11-21T09:30:00Z ",
            "2026-11-21T09:30:00.1234567890Z",
            "2026-11-21T09:30:00+05:3", "2026-11-21T09:30:00.5", "20261121T093000Z", "+2026-11-21T09:30:00Z",
            "2026-11-21_09:30:00Z",
            "2026-11-21T09:30:00\u{660}", "２０２６-11-21T09:30:00Z", "2026-11-21T09:30:00-", "2026-11-21T-1:30:00Z",
        ])
    func refuses(text: String) {
        #expect(Timestamp(rfc3339: text) == nil)
    }

    @Test("printing keeps as many fraction digits as there are")
    func prints() {
        #expect(Timestamp(microseconds: 0).description == "1970-01-01T00:00:00Z")
        #expect(Timestamp(microseconds: 250_000).description == "1970-01-01T00:00:00.25Z")
        #expect(Timestamp(microseconds: 1).description == "1970-01-01T00:00:00.000001Z")
        #expect(Timestamp(microseconds: -1).description == "1969-12-31T23:59:59.999999Z")
        let time = Timestamp(microseconds: 1_795_253_400_000_000)
        #expect(time.text(offsetSeconds: -18_000) == "2026-11-21T04:30:00-05:00")
        #expect(time.text(offsetSeconds: 20_700) == "2026-11-21T15:15:00+05:45")
        #expect(
            Timestamp(rfc3339: time.text(offsetSeconds: 5025)) == time,
            "an offset with seconds is cut, the instant stays")
        #expect(Timestamp(rfc3339: time.text(offsetSeconds: -75)) == time)
    }

    @Test("what is printed is read back", arguments: [1, 2, 3] as [UInt64])
    func roundTrip(seed: UInt64) {
        let random = SeededRandom(seed: seed)
        for _ in 0 ..< 1000 {
            let time = Timestamp(
                microseconds: Int64(random.number(below: 315_537_897_600_000_000)) - 62_135_596_800_000_000)
            #expect(Timestamp(rfc3339: time.description) == time, "seed \(seed)")
            let offset = (Int(random.number(below: 2 * 14 * 60)) - 14 * 60) * 60
            let shifted = Timestamp(
                microseconds: min(max(time.microseconds, -62_000_000_000_000_000), 253_000_000_000_000_000))
            #expect(Timestamp(rfc3339: shifted.text(offsetSeconds: offset)) == shifted, "seed \(seed)")
        }
    }

    /// Reads RFC 3339 the plain way: an array of bytes, one digit after the other.
    private func plainly(_ text: String) -> Int64? {
        let b = Array(text.utf8)
        func digits(_ from: Int, _ count: Int) -> Int? {
            guard from + count <= b.count, b[from ..< from + count].allSatisfy({ $0 >= 48 && $0 <= 57 }) else { return nil }
            return b[from ..< from + count].reduce(0) { $0 * 10 + Int($1 - 48) }
        }
        guard b.count >= 20, let y = digits(0, 4), b[4] == 45, let mo = digits(5, 2), b[7] == 45, let d = digits(8, 2), [84, 116, 32].contains(b[10]),
            let h = digits(11, 2), b[13] == 58, let mi = digits(14, 2), b[16] == 58, let s = digits(17, 2),
            let date = LocalDate(year: y, month: mo, day: d), h < 24, mi < 60, s <= 60
        else { return nil }
        var rest = b[19...]
        var fraction: Int64 = 0
        if rest.first == 46 {
            let places = rest.dropFirst().prefix { $0 >= 48 && $0 <= 57 }
            guard (1 ... 9).contains(places.count) else { return nil }
            fraction = (places + [48, 48, 48, 48, 48, 48]).prefix(6).reduce(0) { $0 * 10 + Int64($1 - 48) }
            rest = b[places.endIndex...]
        }
        var offset = 0
        switch rest.first {
        case 90, 122: guard rest.count == 1 else { return nil }
        case 43, 45:
            let minutesAt = rest.startIndex + (rest.dropFirst(3).first == 58 ? 4 : 3)
            guard let hours = digits(rest.startIndex + 1, 2), let minutes = digits(minutesAt, 2), minutesAt + 2 == b.count, hours < 24, minutes < 60
            else { return nil }
            offset = (hours * 3600 + minutes * 60) * (rest.first == 45 ? -1 : 1)
        default: return nil
        }
        return (Int64(date.daysSince1970) * 86_400 + Int64(h * 3600 + mi * 60 + s - offset)) * 1_000_000 + fraction
    }

    @Test("any text is read as it is read plainly, as a string, a part of one and bytes", arguments: [1, 2, 3, 4] as [UInt64])
    func plainWay(seed: UInt64) {
        var chance = Seeded(seed)
        let seeds = [
            "2026-11-21T09:30:00Z", "2026-11-21T04:30:00-05:00", "2024-02-29 23:59:60.5+14:00", "0000-01-01t00:00:00.123456789z", "9999-12-31T00:00:00.1-0930",
        ]
        let odd: [UInt8] = Array("0123456789-:.+TtZz /é".utf8) + [0, 255]
        var read = 0
        for _ in 0 ..< 4_000 {
            var bytes = Array(chance.pick(seeds).utf8)
            for _ in 0 ..< chance.int(0 ... 2) {
                let at = chance.int(0 ... bytes.count - 1)
                switch chance.int(0 ... 3) {
                case 0: bytes.remove(at: at)
                case 1: bytes.insert(chance.pick(odd), at: at)
                default: bytes[at] = chance.pick(odd)
                }
            }
            // Broken UTF-8 becomes what a string makes of it.
            let text = String(decoding: bytes, as: UTF8.self)
            let wanted = plainly(text)
            if wanted != nil { read += 1 }
            #expect(Timestamp(rfc3339: text)?.microseconds == wanted, "seed \(seed): \(text)")
            #expect(Timestamp(rfc3339: "x\(text)".dropFirst())?.microseconds == wanted, "seed \(seed): \(text)")
            let direct = bytes.withUnsafeBufferPointer { Timestamp(rfc3339: $0) }
            #expect(direct?.microseconds == wanted, "seed \(seed): \(text)")
        }
        #expect(read > 1_000, "seed \(seed): so many are broken that the test tests nothing")
        #expect(Timestamp(rfc3339: UnsafeBufferPointer<UInt8>(start: nil, count: 0)) == nil)
    }

    @Test("seconds round down, also before 1970 and at the ends of the range")
    func seconds() {
        #expect(Timestamp(microseconds: -1).seconds == -1)
        #expect(Timestamp(microseconds: -1_000_000).seconds == -1)
        #expect(Timestamp(microseconds: 1_999_999).seconds == 1)
        #expect(Timestamp(microseconds: .min).seconds == -9_223_372_036_855)
        #expect(Timestamp(microseconds: .max).seconds == 9_223_372_036_854)
    }

    @Test("durations add and subtract exactly; one too long saturates")
    func durations() {
        let start = Timestamp(seconds: 100)
        #expect(start + .milliseconds(1500) - start == .milliseconds(1500))
        #expect((start - .seconds(101)).seconds == -1)
        #expect(Duration.milliseconds(-1500).wholeMicroseconds == -1_500_000)
        #expect(Duration.nanoseconds(1999).wholeMicroseconds == 1)
        #expect(Duration.seconds(Int64.max).wholeMicroseconds == .max)
        #expect(Duration.seconds(Int64.min).wholeMicroseconds == .min)
        #expect(Duration.microseconds(1999).wholeMilliseconds == 1)
    }

    @Test("a manual clock moves only when told to, wall and monotonic time together")
    func manualClock() {
        let clocks = ManualClocks(Timestamp(seconds: 10))
        #expect(clocks.now() == Timestamp(seconds: 10) && clocks.monotonic() == .zero)
        clocks.advance(by: .seconds(5))
        #expect(clocks.now() == Timestamp(seconds: 15) && clocks.monotonic() == .seconds(5))
    }

    @Test("the machine's monotonic clock does not go back")
    func systemClock() {
        let clocks = SystemClocks()
        let first = clocks.monotonic()
        #expect(clocks.monotonic() >= first)
        #expect(clocks.now() > Timestamp(seconds: 1_700_000_000))
    }
}

@Suite struct LocalDateTests {
    @Test(
        "known days have their numbers",
        arguments: [
            ("1970-01-01", 0), ("1969-12-31", -1), ("2000-02-29", 11016), ("2026-11-21", 20778),
            ("0001-01-01", -719_162),
            ("9999-12-31", 2_932_896), ("1900-03-01", -25508), ("0000-03-01", -719_468),
        ])
    func known(text: String, day: Int) {
        #expect(LocalDate(text)?.daysSince1970 == day)
        #expect(LocalDate(daysSince1970: day).description == text)
    }

    @Test(
        "days the calendar lacks and other spellings are refused",
        arguments: [
            "2026-02-29", "1900-02-29", "2100-02-29", "2026-04-31", "2026-00-01", "2026-13-01", "2026-01-00",
            "2026-01-32", "", "2026-1-1",
            "2026/01/01", "20260101", "2026-01-01 ", "２026-01-01", "-026-01-01", "2026-01-0a", "02026-01-01",
        ])
    func refused(text: String) {
        #expect(LocalDate(text) == nil)
    }

    @Test("every month of the years 1 to 9999 follows the one before and is read back")
    func everyMonth() throws {
        var number = -719_162
        var wrong = 0
        for year in 1 ... 9999 {
            let february = year % 400 == 0 || (year % 4 == 0 && year % 100 != 0) ? 29 : 28
            for (index, length) in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31].enumerated() {
                for (day, at) in [(1, number), (15, number + 14), (length, number + length - 1)] {
                    if LocalDate(year: year, month: index + 1, day: day)?.daysSince1970 != at { wrong += 1 }
                    if LocalDate(daysSince1970: at).civil != (year, index + 1, day) { wrong += 1 }
                }
                if LocalDate(year: year, month: index + 1, day: length + 1) != nil { wrong += 1 }
                number += length
            }
        }
        #expect(wrong == 0)
        #expect(number == 2_932_897)
    }

    @Test("every day of a whole 400-year cycle is printed and read back")
    func everyDay() {
        var wrong = 0
        for number in stride(from: -719_162, to: -719_162 + 146_097, by: 1) {
            let (year, month, day) = LocalDate(daysSince1970: number).civil
            if LocalDate(year: year, month: month, day: day)?.daysSince1970 != number { wrong += 1 }
        }
        for number in stride(from: -719_162, through: 2_932_896, by: 997) {
            if LocalDate(LocalDate(daysSince1970: number).description)?.daysSince1970 != number { wrong += 1 }
        }
        #expect(wrong == 0)
    }

    @Test("days are ordered and added across months and leap days")
    func adding() throws {
        let day = try #require(LocalDate("2028-02-28"))
        #expect(day.adding(days: 1).description == "2028-02-29")
        #expect(day.adding(days: 2).description == "2028-03-01")
        #expect(day.adding(days: -59).description == "2027-12-31")
        #expect(day < day.adding(days: 1))
    }
}
