import FoundationEssentials
import Kernel
import Testing
import Wire

/// The inputs that `counterfoil fuzz` keeps, and some of their mutants.
@Suite struct CorpusTests {
    private static func corpus(_ name: String, file: String = #filePath) throws -> [[UInt8]] {
        let folder = URL(filePath: file).deletingLastPathComponent().appending(path: "Fixtures/corpus/\(name)").path
        let names = try FileManager.default.contentsOfDirectory(atPath: folder).sorted()
        return try names.map { Array(try Data(contentsOf: URL(filePath: "\(folder)/\($0)"))) }
    }

    /// Each input, and mutants of it: a byte changed, put in, taken out, a part doubled.
    private static func mutants(_ name: String, each: Int) throws -> [[UInt8]] {
        let random = SeededRandom(seed: 20_261_121)
        func roll(_ n: Int) -> Int { n <= 1 ? 0 : Int(random.next() % UInt64(n)) }
        var out = try corpus(name)
        #expect(out.count > 5)
        for input in out {
            for _ in 0 ..< each {
                var mutant = input
                for _ in 0 ... roll(3) {
                    let at = roll(mutant.count)
                    switch roll(4) {
                    case 0 where !mutant.isEmpty: mutant[at] = UInt8(roll(256))
                    case 1: mutant.insert(UInt8(roll(128)), at: at)
                    case 2 where !mutant.isEmpty: mutant.remove(at: at)
                    default: mutant.insert(contentsOf: mutant[at ..< min(mutant.count, at + roll(12))], at: at)
                    }
                }
                out.append(mutant)
            }
        }
        return out
    }

    @Test("JSON that is accepted, written and read again is the same; all else is malformed")
    func json() throws {
        for input in try Self.mutants("json", each: 300) {
            do throws(Fault) {
                let tree = try JSON(parsing: input)
                #expect(try JSON(parsing: tree.bytes) == tree, "\(String(decoding: input, as: UTF8.self))")
            } catch { #expect(error.code == "malformed_json") }
        }
    }

    @Test("XML that is accepted, written and read again is the same; all else is malformed")
    func xml() throws {
        for input in try Self.mutants("xml", each: 300) {
            do throws(Fault) {
                let element = try XMLElement(parsing: input)
                #expect(try XMLElement(parsing: element.bytes) == element, "\(String(decoding: input, as: UTF8.self))")
            } catch { #expect(error.code == "malformed_xml") }
        }
    }

    @Test("CSV that is accepted, written and read again is the same; all else is malformed")
    func csv() throws {
        func rows(_ bytes: [UInt8]) throws(Fault) -> [[String]] {
            var reader = CSVReader(bytes)
            var rows: [[String]] = []
            while let row = try reader.next() { rows.append(row) }
            return rows
        }
        for input in try Self.mutants("csv", each: 300) {
            do throws(Fault) {
                let table = try rows(input)
                var writer = CSVWriter()
                for row in table { writer.row(row) }
                #expect(try rows(writer.bytes) == table, "\(String(decoding: input, as: UTF8.self))")
            } catch { #expect(error.code == "malformed_csv") }
        }
    }
}
