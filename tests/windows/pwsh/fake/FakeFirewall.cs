// Copyright (c) 2026, the portbook.firewall authors
// GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

// A fake of the Windows Firewall COM store (HNetCfg.FwPolicy2, HNetCfg.FWRule) for PowerShell 7 on any system, for
// the tests of windows_read and windows_write. Runs on .NET 8+; this file is never sent to a managed host.
// Environment: FAKEFW_STORE the store's file, SAMPLE empty or a number of rules, JOURNAL a file of writes and of counts
// of reads, FAIL_WRITE and FAIL_MATCH faults, CRASH_WRITE, DENY, SERVICE_STOPPED, GPO_VISIBLE, SHUFFLE, KEYWORD_COMMA;
// FAIL_AFTER writes that are made and throw, FAIL_READ and NULL_READ properties that throw or give null, ITEM_BLIND names
// that are not found, CHANGE_AT the write before which CHANGE_TO takes the file's place, NOSAVE keeps the file as it is.
// FAKEHOST is a file of what the rest of the host says: see FakeFirewall.psm1.
#nullable disable
using System;
using System.Collections;
using System.Collections.Generic;
using System.Dynamic;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Linq.Expressions;
using System.Net;
using System.Net.Sockets;
using System.Reflection;
using System.Reflection.Emit;
using System.Runtime.InteropServices;
using System.Runtime.Loader;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace FakeFirewall
{
    // ---------------------------------------------------------------- errors
    // The exception types are those .NET makes of the same HRESULT on Windows.
    public static class Hr
    {
        public const uint InvalidArg = 0x80070057, NotFound = 0x80070002, InvalidData = 0x8007000D,
            AccessDenied = 0x80070005, TypeMismatch = 0x80020005, BadParamCount = 0x8002000E,
            ClassNotRegistered = 0x80040154, NtInvalidParameter = 0xD000000D, NoEndpoint = 0x800706D9;

        static readonly Dictionary<uint, string> Texts = new Dictionary<uint, string> {
            { NotFound, "The system cannot find the file specified." }, { InvalidData, "The data is invalid." },
            { AccessDenied, "Access is denied." }, { TypeMismatch, "Type mismatch." },
            { BadParamCount, "Invalid number of parameters." }, { ClassNotRegistered, "Class not registered" },
            { NtInvalidParameter, "An invalid parameter was passed to a service or function." },
            { NoEndpoint, "There are no more endpoints available from the endpoint mapper." } };

        public static Exception Make(uint hr)
        {
            string text;
            if (!Texts.TryGetValue(hr, out text)) text = "Exception from HRESULT.";
            string full = text + " (0x" + hr.ToString("X8") + ")";
            Exception e;
            switch (hr)
            {
                case InvalidArg: e = new ArgumentException("Value does not fall within the expected range."); break;
                case NotFound: e = new FileNotFoundException(full); break;
                case AccessDenied: e = new UnauthorizedAccessException(full); break;
                default: return new COMException(full, unchecked((int)hr));
            }
            e.HResult = unchecked((int)hr);
            return e;
        }
    }

    // ---------------------------------------------------------------- store
    public class RuleData
    {
        public string Id { get; set; }
        public string Name { get; set; }
        public string Description { get; set; }
        public string ApplicationName { get; set; }
        public string ServiceName { get; set; }
        public int Protocol { get; set; } = 256;
        public string LocalPorts { get; set; }
        public string RemotePorts { get; set; }
        public string LocalAddresses { get; set; } = "*";
        public string RemoteAddresses { get; set; } = "*";
        public string Icmp { get; set; }
        public int Direction { get; set; } = 1;
        public string[] Interfaces { get; set; }
        public string InterfaceTypes { get; set; } = "All";
        public bool Enabled { get; set; }
        public string Grouping { get; set; }
        public int Profiles { get; set; } = 0x7fffffff;
        public int EdgeOptions { get; set; }
        public int Action { get; set; } = 1;
        public int SecureFlags { get; set; }
        public string LocalAppPackageId { get; set; }
        public string LocalUserOwner { get; set; }
        public string LocalUserAuthorizedList { get; set; }
        public string RemoteUserAuthorizedList { get; set; }
        public string RemoteMachineAuthorizedList { get; set; }
        public string Source { get; set; } = "local";
        [System.Text.Json.Serialization.JsonIgnore] public bool OfPolicy { get { return Source == "gpo" || Source == "mdm"; } }
        public RuleData Copy() { return (RuleData)MemberwiseClone(); }
    }

    public class ProfileData
    {
        public bool Enabled { get; set; } = true;
        public bool BlockAll { get; set; }
        public bool NotificationsDisabled { get; set; } = true;
        public bool NoUnicastResponses { get; set; }
        public int In { get; set; }
        public int Out { get; set; } = 1;
        public string[] ExcludedInterfaces { get; set; }
    }

    public class StoreData
    {
        public int CurrentProfiles { get; set; } = 4;
        public int ModifyState { get; set; }
        public Dictionary<string, ProfileData> Profiles { get; set; } = new Dictionary<string, ProfileData> {
            { "1", new ProfileData() }, { "2", new ProfileData() }, { "4", new ProfileData() } };
        public string[] Interfaces { get; set; } = { "Ethernet", "Ethernet 2", "Wi-Fi", "Loopback Pseudo-Interface 1" };
        public Dictionary<string, string> Environment { get; set; } = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase) {
            { "SystemRoot", "C:\\Windows" }, { "windir", "C:\\Windows" }, { "SystemDrive", "C:" },
            { "ProgramFiles", "C:\\Program Files" }, { "ProgramFiles(x86)", "C:\\Program Files (x86)" }, { "ProgramData", "C:\\ProgramData" } };
        public Dictionary<string, string> Resources { get; set; } = new Dictionary<string, string>();
        // what the registry says is in FAKEHOST: these are only kept
        public Dictionary<string, Dictionary<string, int>> Policy { get; set; } = new Dictionary<string, Dictionary<string, int>>();
        public Dictionary<string, Dictionary<string, int>> Mdm { get; set; } = new Dictionary<string, Dictionary<string, int>>();
        public List<RuleData> Rules { get; set; } = new List<RuleData>();
    }

    public static class Store
    {
        // Between two calls in one process: what comes next sees the environment as if it were the first.
        public static void Reset() { Close(); writes = 0; data = null; counters.Clear(); Open(); }
        static StoreData data;
        static string loadedFrom;
        static DateTime loadedAt;
        static int writes;
        static readonly SortedDictionary<string, int> counters = new SortedDictionary<string, int>(StringComparer.Ordinal);
        static StreamWriter journal;
        static bool journalReads;
        static readonly object gate = new object();
        static readonly JsonSerializerOptions json = new JsonSerializerOptions { WriteIndented = true, Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

        static string Env(string name) { return Environment.GetEnvironmentVariable("FAKEFW_" + name); }
        static bool On(string name) { string v = Env(name); return !string.IsNullOrEmpty(v) && v != "0"; }
        public static bool GpoVisible { get { return On("GPO_VISIBLE"); } }
        public static bool KeywordComma { get { return On("KEYWORD_COMMA"); } }
        public static bool Shuffle { get { return On("SHUFFLE"); } }
        public static int ReadMicros, WriteMillis;

        static Store()
        {
            int.TryParse(Env("READ_US"), out ReadMicros);
            int.TryParse(Env("WRITE_MS"), out WriteMillis);
            Open();
            AppDomain.CurrentDomain.ProcessExit += delegate { Close(); };
        }

        static void Open()
        {
            journalReads = On("JOURNAL_READS");
            string path = Env("JOURNAL");
            if (string.IsNullOrEmpty(path)) return;
            journal = new StreamWriter(new FileStream(path, FileMode.Append, FileAccess.Write, FileShare.ReadWrite), new UTF8Encoding(false));
            Line("start", "process", System.Environment.ProcessId.ToString(CultureInfo.InvariantCulture));
        }

        public static StoreData Data { get { Load(); return data; } }

        // Several processes share the file one after another; a changed file is read again.
        public static void Load()
        {
            string path = Env("STORE");
            if (data != null && path == loadedFrom && (string.IsNullOrEmpty(path) || !File.Exists(path) || File.GetLastWriteTimeUtc(path) == loadedAt)) return;
            if (!string.IsNullOrEmpty(path) && File.Exists(path))
            {
                data = JsonSerializer.Deserialize<StoreData>(File.ReadAllBytes(path));
                loadedAt = File.GetLastWriteTimeUtc(path);
            }
            else { data = Sample.Build(Env("SAMPLE")); }
            data.Environment = new Dictionary<string, string>(data.Environment, StringComparer.OrdinalIgnoreCase);
            loadedFrom = path;
            if (!string.IsNullOrEmpty(path) && !File.Exists(path)) Save();
        }

        public static bool NoSave { get { return On("NOSAVE"); } }
        public static void Save()
        {
            string path = Env("STORE");
            if (string.IsNullOrEmpty(path) || NoSave) return;
            string tmp = path + "." + System.Environment.ProcessId + ".tmp";
            File.WriteAllText(tmp, JsonSerializer.Serialize(data, json), new UTF8Encoding(false));
            File.Move(tmp, path, true);
            loadedAt = File.GetLastWriteTimeUtc(path);
            loadedFrom = path;
            if (Listed("FAIL_AFTER", writes)) throw Hr.Make(0x800706BE); // made, and the answer was lost
        }

        static void Line(string verb, string target, string value)
        {
            if (journal == null) return;
            journal.WriteLine(JsonSerializer.Serialize(new[] { verb, target, value }, new JsonSerializerOptions { Encoder = json.Encoder }));
        }

        static void Count(string key) { int n; counters.TryGetValue(key, out n); counters[key] = n + 1; }

        public static Dictionary<string, int> Counters { get { return new Dictionary<string, int>(counters); } }
        public static void ResetCounters() { counters.Clear(); }

        static void Spin(double micros)
        {
            if (micros <= 0) return;
            var w = System.Diagnostics.Stopwatch.StartNew();
            while (w.Elapsed.TotalMilliseconds * 1000 < micros) { }
        }

        public static void Read(string what, string target)
        {
            Count("read " + what);
            if (journalReads) Line("read", what, target);
            Spin(ReadMicros);
        }

        // Every write passes here before it changes anything: faults, denial, crash.
        public static void BeforeWrite(string what, string target, string value)
        {
            writes++;
            // somebody else changes the store under our hands
            if (Listed("CHANGE_AT", writes)) { File.Copy(Env("CHANGE_TO"), Env("STORE"), true); File.SetLastWriteTimeUtc(Env("STORE"), DateTime.UtcNow.AddSeconds(2)); Load(); }
            Count("write " + what);
            if (Env("DENY") == "1") { Line("denied", what, target); throw Hr.Make(Hr.AccessDenied); }
            string match = Env("FAIL_MATCH");
            bool fail = Listed("FAIL_WRITE", writes) || (!string.IsNullOrEmpty(match) && Regex.IsMatch(what + " " + target, match));
            if (Listed("CRASH_WRITE", writes)) { Line("crash", what, target); Close(); System.Diagnostics.Process.GetCurrentProcess().Kill(); }
            if (fail)
            {
                Line("fault", what, target);
                string hr = Env("FAIL_HRESULT");
                throw Hr.Make(string.IsNullOrEmpty(hr) ? 0x80004005 : Convert.ToUInt32(hr, 16));
            }
            Line("write", what + " " + target, value);
            if (WriteMillis > 0) System.Threading.Thread.Sleep(WriteMillis);
        }

        public static bool Matches(string name, string text)
        {
            string pattern = Env(name);
            return !string.IsNullOrEmpty(pattern) && Regex.IsMatch(text, pattern);
        }

        static bool Listed(string name, int n)
        {
            string v = Env(name);
            return !string.IsNullOrEmpty(v) && v.Split(',').Contains(n.ToString(CultureInfo.InvariantCulture));
        }

        public static void Close()
        {
            lock (gate)
            {
                if (journal == null) return;
                foreach (var c in counters) Line("count", c.Key, c.Value.ToString(CultureInfo.InvariantCulture));
                journal.Dispose();
                journal = null;
            }
        }

        public static void CheckService() { if (On("SERVICE_STOPPED")) throw Hr.Make(Hr.NoEndpoint); }

        public static string Resolve(string raw)
        {
            string text;
            if (data == null) Load(); // not each time: a lookup by name comes here for every rule
            if (raw != null && raw.StartsWith("@", StringComparison.Ordinal) && data.Resources.TryGetValue(raw, out text)) return text;
            return raw;
        }

        public static string Expand(string raw)
        {
            if (string.IsNullOrEmpty(raw)) return raw;
            return Regex.Replace(raw, "%([^%]+)%", delegate (Match m) { string v; return Data.Environment.TryGetValue(m.Groups[1].Value, out v) ? v : m.Value; });
        }
    }

    // ---------------------------------------------------------------- values as Windows keeps them
    public static class Norm
    {
        static readonly Regex V4 = new Regex(@"^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$");
        static readonly string[] AddressKeywords = { "LocalSubnet", "DNS", "DHCP", "WINS", "DefaultGateway", "LocalSubnet4", "LocalSubnet6",
            "Internet", "Intranet", "RmtIntranet", "Ply2Renders", "CaptivePortal" };

        static IPAddress Ip(string text)
        {
            Match m = V4.Match(text);
            if (m.Success)
            {
                var b = new byte[4];
                for (int i = 0; i < 4; i++) { int n = int.Parse(m.Groups[i + 1].Value, CultureInfo.InvariantCulture); if (n > 255) throw Hr.Make(Hr.InvalidArg); b[i] = (byte)n; }
                return new IPAddress(b);
            }
            IPAddress ip;
            if (text.IndexOf(':') < 0 || text.IndexOf('%') >= 0 || text.IndexOf('[') >= 0 || !IPAddress.TryParse(text, out ip)) throw Hr.Make(Hr.InvalidArg);
            if (ip.Equals(IPAddress.IPv6Any) || ip.Equals(IPAddress.IPv6Loopback) || ip.IsIPv6Multicast) throw Hr.Make(Hr.NtInvalidParameter);
            return ip;
        }

        static uint U32(IPAddress ip) { byte[] b = ip.GetAddressBytes(); return ((uint)b[0] << 24) | ((uint)b[1] << 16) | ((uint)b[2] << 8) | b[3]; }
        static IPAddress FromU32(uint v) { return new IPAddress(new[] { (byte)(v >> 24), (byte)(v >> 16), (byte)(v >> 8), (byte)v }); }

        static int Compare(IPAddress a, IPAddress b)
        {
            byte[] x = a.GetAddressBytes(), y = b.GetAddressBytes();
            for (int i = 0; i < x.Length; i++) if (x[i] != y[i]) return x[i].CompareTo(y[i]);
            return 0;
        }

        public static string Addresses(string text, bool stored = false)
        {
            if (string.IsNullOrEmpty(text) || text == "*") return "*";
            var keywords = new List<string>();
            var nets4 = new List<KeyValuePair<ulong, string>>(); var ranges4 = new List<string>(); var nets6 = new List<string>(); var ranges6 = new List<string>();
            foreach (string token in text.Split(','))
            {
                string keyword = AddressKeywords.FirstOrDefault(k => k.Equals(token, StringComparison.OrdinalIgnoreCase));
                if (keyword != null) { if (!keywords.Contains(keyword)) keywords.Add(keyword); continue; }
                if (token.Length == 0 || token.Any(char.IsWhiteSpace) || token == "*") throw Hr.Make(Hr.InvalidArg);
                int dash = token.IndexOf('-'), slash = token.IndexOf('/');
                if (dash > 0)
                {
                    IPAddress lo = Ip(token.Substring(0, dash)), hi = Ip(token.Substring(dash + 1));
                    if (lo.AddressFamily != hi.AddressFamily || Compare(lo, hi) > 0) throw Hr.Make(Hr.InvalidArg);
                    (lo.AddressFamily == AddressFamily.InterNetwork ? ranges4 : ranges6).Add(lo + "-" + hi);
                    continue;
                }
                IPAddress ip = Ip(slash > 0 ? token.Substring(0, slash) : token);
                if (ip.AddressFamily == AddressFamily.InterNetwork)
                {
                    uint mask = 0xFFFFFFFF;
                    if (slash > 0)
                    {
                        string tail = token.Substring(slash + 1);
                        int bits;
                        if (V4.IsMatch(tail)) mask = U32(Ip(tail));
                        else if (int.TryParse(tail, NumberStyles.None, CultureInfo.InvariantCulture, out bits) && bits <= 32) mask = bits == 0 ? 0 : 0xFFFFFFFF << (32 - bits);
                        else throw Hr.Make(Hr.InvalidArg);
                        if (mask == 0 || (~mask & (~mask + 1)) != 0) throw Hr.Make(Hr.InvalidArg);
                    }
                    uint net = U32(ip) & mask;
                    string value = FromU32(net) + "/" + FromU32(mask);
                    if (!nets4.Any(n => n.Value == value)) nets4.Add(new KeyValuePair<ulong, string>(((ulong)net << 32) | mask, value));
                }
                else if (slash > 0)
                {
                    int bits;
                    if (!int.TryParse(token.Substring(slash + 1), NumberStyles.None, CultureInfo.InvariantCulture, out bits) || bits < 1 || bits > 128) throw Hr.Make(Hr.InvalidArg);
                    string value = ip + "/" + bits.ToString(CultureInfo.InvariantCulture);
                    if (!nets6.Contains(value)) nets6.Add(value);
                }
                else ranges6.Add(ip + "-" + ip);
            }
            // A rule not yet stored keeps the order given; the stored rule has an order of its own.
            IEnumerable<string> v4 = (stored ? nets4.OrderBy(n => n.Key) : (IEnumerable<KeyValuePair<ulong, string>>)nets4).Select(n => n.Value);
            IEnumerable<string> v6 = stored ? nets6.OrderBy(n => int.Parse(n.Substring(n.IndexOf('/') + 1), CultureInfo.InvariantCulture)).ThenBy(n => n, StringComparer.Ordinal) : nets6;
            return string.Join(",", keywords.Concat(v4).Concat(ranges4).Concat(v6).Concat(ranges6));
        }

        // null = any
        public static string Ports(string text, int protocol, bool local)
        {
            if (string.IsNullOrEmpty(text)) return null;
            if (protocol != 6 && protocol != 17) throw Hr.Make(Hr.InvalidArg);
            if (text == "*") return null;
            var keywords = new List<string>(); var numbers = new List<string>();
            string[] allowed = protocol == 6 ? (local ? new[] { "RPC", "RPC-EPMap", "IPHTTPS" } : new[] { "IPHTTPS" })
                : (local ? new[] { "Teredo", "Ply2Disc", "mDNS" } : new string[0]);
            string[] tokens = text.Split(',');
            for (int i = 0; i < tokens.Length; i++)
            {
                string token = tokens[i];
                if (token.Length == 0 && i == tokens.Length - 1 && i > 0) continue;
                string keyword = allowed.FirstOrDefault(k => k.Equals(token, StringComparison.OrdinalIgnoreCase));
                if (keyword != null) { if (!keywords.Contains(keyword)) keywords.Add(keyword); continue; }
                Match m = Regex.Match(token, @"^(\d{1,5})(?:-(\d{1,5}))?$");
                if (!m.Success) throw Hr.Make(Hr.InvalidData);
                int lo = int.Parse(m.Groups[1].Value, CultureInfo.InvariantCulture), hi = m.Groups[2].Success ? int.Parse(m.Groups[2].Value, CultureInfo.InvariantCulture) : lo;
                if (lo > 65535 || hi > 65535 || lo > hi) throw Hr.Make(Hr.InvalidData);
                numbers.Add(lo == hi ? lo.ToString(CultureInfo.InvariantCulture) : lo + "-" + hi);
            }
            return string.Join(",", keywords.Concat(numbers)) + (keywords.Count > 0 && numbers.Count == 0 && Store.KeywordComma ? "," : "");
        }

        public static string Icmp(string text, int protocol)
        {
            if (string.IsNullOrEmpty(text)) return null;
            if (protocol != 1 && protocol != 58) throw Hr.Make(Hr.InvalidArg);
            if (text == "*") return null;
            foreach (string token in text.Split(','))
            {
                Match m = Regex.Match(token, @"^(\d{1,3}):(\d{1,3}|\*)$");
                if (!m.Success || int.Parse(m.Groups[1].Value, CultureInfo.InvariantCulture) > 255 || (m.Groups[2].Value != "*" && int.Parse(m.Groups[2].Value, CultureInfo.InvariantCulture) > 255)) throw Hr.Make(Hr.InvalidArg);
            }
            return text;
        }

        public static string InterfaceTypes(string text)
        {
            if (string.IsNullOrEmpty(text)) return "All";
            string[] order = { "Lan", "Wireless", "RemoteAccess" };
            string[] tokens = text.Split(',');
            if (tokens.Length == 1 && tokens[0].Equals("All", StringComparison.OrdinalIgnoreCase)) return "All";
            foreach (string t in tokens) if (!order.Any(o => o.Equals(t, StringComparison.OrdinalIgnoreCase))) throw Hr.Make(Hr.InvalidArg);
            return string.Join(",", order.Where(o => tokens.Any(t => o.Equals(t, StringComparison.OrdinalIgnoreCase))));
        }

        // What the service refuses when a whole rule is committed, and what it puts in order.
        public static void Commit(RuleData d)
        {
            d.LocalAddresses = Addresses(d.LocalAddresses, true);
            d.RemoteAddresses = Addresses(d.RemoteAddresses, true);
            if (string.IsNullOrEmpty(d.Name) || d.Name.IndexOf('|') >= 0 || d.Name.Equals("all", StringComparison.OrdinalIgnoreCase)) throw Hr.Make(Hr.InvalidArg);
            foreach (string s in new[] { d.Description, d.Grouping, d.ApplicationName, d.ServiceName, d.LocalUserAuthorizedList, d.RemoteUserAuthorizedList, d.RemoteMachineAuthorizedList })
                if (s != null && (s.IndexOf('|') >= 0 || s.Length > 10000)) throw Hr.Make(Hr.InvalidArg);
            if (d.Name.Length > 10000) throw Hr.Make(Hr.InvalidArg);
            bool ports = d.Protocol == 6 || d.Protocol == 17, icmp = d.Protocol == 1 || d.Protocol == 58;
            if (!ports && (d.LocalPorts != null || d.RemotePorts != null)) throw Hr.Make(Hr.InvalidArg);
            if (!icmp && d.Icmp != null) throw Hr.Make(Hr.InvalidArg);
            if (ports) { Ports(d.LocalPorts, d.Protocol, true); Ports(d.RemotePorts, d.Protocol, false); }
            if (d.Direction == 2 && d.LocalPorts != null && Regex.IsMatch(d.LocalPorts, "[A-Za-z]")) throw Hr.Make(Hr.InvalidArg);
            if (d.EdgeOptions != 0 && (d.Direction != 1 || d.Action != 1)) throw Hr.Make(Hr.InvalidArg);
            if (d.SecureFlags != 0 && d.Action != 1) throw Hr.Make(Hr.InvalidArg);
        }
    }

    // ---------------------------------------------------------------- late binding
    // An object whose members are reached as PowerShell reaches a COM object's: names without
    // case, values coerced as IDispatch coerces them, errors raw (not wrapped by a property setter).
    public abstract class ComObject : IDynamicMetaObjectProvider, IDynamicInterfaceCastable
    {
        internal abstract bool Has(string name);
        internal abstract bool Takes(string name); // a property with arguments, or a method
        public abstract object DispGet(string name);
        public abstract object DispPut(string name, object value);
        public abstract object DispInvoke(string name, object[] args);
        internal abstract IEnumerable<string> Names();
        internal abstract bool Implements(Guid iid);

        DynamicMetaObject IDynamicMetaObjectProvider.GetMetaObject(Expression e) { return new Meta(e, this); }

        bool IDynamicInterfaceCastable.IsInterfaceImplemented(RuntimeTypeHandle type, bool throwIfNot)
        {
            Type t = Type.GetTypeFromHandle(type);
            return t.IsInterface && Attribute.IsDefined(t, typeof(GuidAttribute)) && Implements(t.GUID);
        }
        RuntimeTypeHandle IDynamicInterfaceCastable.GetInterfaceImplementation(RuntimeTypeHandle type) { return Bridge.Implement(Type.GetTypeFromHandle(type)).TypeHandle; }

        class Meta : DynamicMetaObject
        {
            readonly ComObject com;
            public Meta(Expression e, ComObject o) : base(e, BindingRestrictions.Empty, o) { com = o; }
            BindingRestrictions Same { get { return BindingRestrictions.GetTypeRestriction(Expression, LimitType); } }
            Expression Self { get { return Expression.Convert(Expression, typeof(ComObject)); } }
            DynamicMetaObject Call(string method, params Expression[] args) { return new DynamicMetaObject(Expression.Call(Self, typeof(ComObject).GetMethod(method), args), Same); }
            static Expression Obj(DynamicMetaObject o) { return Expression.Convert(o.Expression, typeof(object)); }
            public override DynamicMetaObject BindGetMember(GetMemberBinder b)
            {
                if (com.Has(b.Name) && !com.Takes(b.Name)) return Call("DispGet", Expression.Constant(b.Name));
                return base.BindGetMember(b);
            }
            public override DynamicMetaObject BindSetMember(SetMemberBinder b, DynamicMetaObject v)
            {
                if (com.Has(b.Name)) return Call("DispPut", Expression.Constant(b.Name), Obj(v));
                return base.BindSetMember(b, v);
            }
            public override DynamicMetaObject BindInvokeMember(InvokeMemberBinder b, DynamicMetaObject[] args)
            {
                if (com.Takes(b.Name)) return Call("DispInvoke", Expression.Constant(b.Name), Expression.NewArrayInit(typeof(object), args.Select(Obj)));
                return base.BindInvokeMember(b, args);
            }
            public override IEnumerable<string> GetDynamicMemberNames() { return com.Names(); }
        }

        // -- VARIANT coercion as DispInvoke does it
        internal static object Bare(object v)
        {
            if (v == null) return null;
            Type t = v.GetType();
            if (t.FullName == "System.Management.Automation.PSObject") return Bare(t.GetProperty("BaseObject").GetValue(v));
            if (t.FullName == "System.Management.Automation.Language.NullString") return null;
            return v;
        }
        internal static string Str(object v)
        {
            v = Bare(v);
            if (v == null) return ""; // VT_EMPTY becomes an empty BSTR, never a null one
            if (v is DBNull) throw Hr.Make(Hr.TypeMismatch);
            if (v is string) return (string)v;
            if (v is BStrWrapper) return ((BStrWrapper)v).WrappedObject;
            if (v is IEnumerable) throw Hr.Make(Hr.TypeMismatch);
            return Convert.ToString(v, CultureInfo.InvariantCulture);
        }
        internal static int Int(object v)
        {
            v = Bare(v);
            if (v == null) return 0;
            if (v is bool) return (bool)v ? -1 : 0; // VARIANT_TRUE
            if (v is Enum) v = Convert.ToInt64(v, CultureInfo.InvariantCulture);
            try { return Convert.ToInt32(v, CultureInfo.InvariantCulture); }
            catch (Exception) { throw Hr.Make(Hr.TypeMismatch); }
        }
        internal static bool Bool(object v)
        {
            v = Bare(v);
            if (v == null) return false;
            if (v is bool) return (bool)v;
            string s = v as string;
            if (s != null)
            {
                bool b; double n;
                if (bool.TryParse(s, out b)) return b;
                if (double.TryParse(s, NumberStyles.Float, CultureInfo.InvariantCulture, out n)) return n != 0;
                throw Hr.Make(Hr.TypeMismatch);
            }
            try { return Convert.ToDouble(v, CultureInfo.InvariantCulture) != 0; }
            catch (Exception) { throw Hr.Make(Hr.TypeMismatch); }
        }
    }

    // Lets C# that a module compiles cast the fake to its own [ComImport] interface, as QueryInterface would.
    public static class Bridge
    {
        static readonly Dictionary<Type, Type> made = new Dictionary<Type, Type>();
        static Bridge() { AppDomain.CurrentDomain.SetData("FakeFirewall.Bridge", (Func<object, string, object[], object>)Call); }

        static object Call(object self, string method, object[] args)
        {
            var com = (ComObject)self;
            bool accessor = method.StartsWith("get_", StringComparison.Ordinal) || method.StartsWith("set_", StringComparison.Ordinal);
            if (accessor && com.Takes(method.Substring(4))) return com.DispInvoke(method.Substring(4), args);
            if (method.StartsWith("get_", StringComparison.Ordinal)) return com.DispGet(method.Substring(4));
            if (accessor)
            {
                object v = args[0];
                var rule = com as FWRule;
                if (rule != null && v == null) { rule.PutNull(method.Substring(4)); return null; } // a null BSTR
                return com.DispPut(method.Substring(4), v);
            }
            return com.DispInvoke(method, args);
        }

        public static Type Implement(Type t)
        {
            lock (made)
            {
                Type done;
                if (made.TryGetValue(t, out done)) return done;
                AssemblyLoadContext alc = AssemblyLoadContext.GetLoadContext(t.Assembly) ?? AssemblyLoadContext.Default;
                using (alc.EnterContextualReflection())
                {
                    AssemblyBuilder ab = AssemblyBuilder.DefineDynamicAssembly(new AssemblyName("FakeFirewall.Bridge." + made.Count), AssemblyBuilderAccess.Run);
                    TypeBuilder tb = ab.DefineDynamicModule("m").DefineType("Impl" + made.Count, TypeAttributes.Interface | TypeAttributes.Abstract | TypeAttributes.Public);
                    tb.AddInterfaceImplementation(t);
                    tb.SetCustomAttribute(new CustomAttributeBuilder(typeof(DynamicInterfaceCastableImplementationAttribute).GetConstructor(Type.EmptyTypes), new object[0]));
                    MethodInfo getData = typeof(AppDomain).GetMethod("GetData", new[] { typeof(string) });
                    MethodInfo invoke = typeof(Func<object, string, object[], object>).GetMethod("Invoke");
                    foreach (MethodInfo m in t.GetMethods())
                    {
                        Type[] ps = m.GetParameters().Select(p => p.ParameterType).ToArray();
                        MethodBuilder mb = tb.DefineMethod("impl." + m.Name, MethodAttributes.Private | MethodAttributes.Virtual | MethodAttributes.Final | MethodAttributes.HideBySig | MethodAttributes.NewSlot, m.ReturnType, ps);
                        ILGenerator il = mb.GetILGenerator();
                        il.Emit(OpCodes.Call, typeof(AppDomain).GetProperty("CurrentDomain").GetGetMethod());
                        il.Emit(OpCodes.Ldstr, "FakeFirewall.Bridge");
                        il.Emit(OpCodes.Callvirt, getData);
                        il.Emit(OpCodes.Castclass, typeof(Func<object, string, object[], object>));
                        il.Emit(OpCodes.Ldarg_0);
                        il.Emit(OpCodes.Ldstr, m.Name);
                        il.Emit(OpCodes.Ldc_I4, ps.Length);
                        il.Emit(OpCodes.Newarr, typeof(object));
                        for (int i = 0; i < ps.Length; i++)
                        {
                            il.Emit(OpCodes.Dup); il.Emit(OpCodes.Ldc_I4, i); il.Emit(OpCodes.Ldarg, i + 1);
                            if (ps[i].IsValueType) il.Emit(OpCodes.Box, ps[i]);
                            il.Emit(OpCodes.Stelem_Ref);
                        }
                        il.Emit(OpCodes.Callvirt, invoke);
                        if (m.ReturnType == typeof(void)) il.Emit(OpCodes.Pop);
                        else if (m.ReturnType.IsValueType) il.Emit(OpCodes.Unbox_Any, m.ReturnType);
                        else il.Emit(OpCodes.Castclass, m.ReturnType);
                        il.Emit(OpCodes.Ret);
                        tb.DefineMethodOverride(mb, m);
                    }
                    return made[t] = tb.CreateType();
                }
            }
        }
    }

    // ---------------------------------------------------------------- HNetCfg.FWRule
    public class FWRule : ComObject
    {
        static readonly Dictionary<string, string> Properties = new[] { "Name", "Description", "ApplicationName", "serviceName", "Protocol", "LocalPorts", "RemotePorts",
            "LocalAddresses", "RemoteAddresses", "IcmpTypesAndCodes", "Direction", "Interfaces", "InterfaceTypes", "Enabled", "Grouping", "Profiles", "EdgeTraversal",
            "Action", "EdgeTraversalOptions", "LocalAppPackageId", "LocalUserOwner", "LocalUserAuthorizedList", "RemoteUserAuthorizedList", "RemoteMachineAuthorizedList", "SecureFlags" }
            .ToDictionary(n => n, n => n, StringComparer.OrdinalIgnoreCase);
        static readonly Guid[] Iids = { new Guid("AF230D27-BABA-4E42-ACED-F524F22CFCE2"), new Guid("9C27C8DA-189B-4DDE-89F7-8B39A316782C"), new Guid("B21563FF-D696-4222-AB46-4E89B73AB34A") };

        RuleData d;
        bool attached;
        public FWRule() { d = new RuleData { Id = "{" + Guid.NewGuid().ToString().ToUpperInvariant() + "}" }; }
        internal FWRule(RuleData stored) { d = stored; attached = true; }
        internal RuleData Data { get { return d; } }
        internal void Attach(RuleData stored) { d = stored; attached = true; }

        internal override bool Has(string name) { return Properties.ContainsKey(name); }
        internal override bool Takes(string name) { return false; }
        internal override IEnumerable<string> Names() { return Properties.Values; }
        internal override bool Implements(Guid iid) { return Iids.Contains(iid); }
        public override object DispInvoke(string name, object[] args) { throw Hr.Make(Hr.BadParamCount); }

        public override object DispGet(string name)
        {
            string p = Properties[name];
            if (attached && Store.Matches("FAIL_READ", p + " " + d.Name)) throw Hr.Make(0x800706BA);
            if (attached && Store.Matches("NULL_READ", p + " " + d.Name)) return null;
            if (attached) Store.Read("rule." + p, d.Name); else Store.Read("new." + p, d.Name);
            bool ports = d.Protocol == 6 || d.Protocol == 17;
            switch (p)
            {
                case "Name": return Store.Resolve(d.Name);
                case "Description": return Store.Resolve(d.Description);
                case "ApplicationName": return Store.Expand(d.ApplicationName);
                case "serviceName": return d.ServiceName;
                case "Protocol": return d.Protocol;
                case "LocalPorts": return ports ? (d.LocalPorts ?? "*") : null;
                case "RemotePorts": return ports ? (d.RemotePorts ?? "*") : null;
                case "LocalAddresses": return d.LocalAddresses;
                case "RemoteAddresses": return d.RemoteAddresses;
                case "IcmpTypesAndCodes": return d.Protocol == 1 || d.Protocol == 58 ? (d.Icmp ?? "*") : null;
                case "Direction": return d.Direction;
                case "Interfaces": return d.Interfaces == null ? null : d.Interfaces.Cast<object>().ToArray();
                case "InterfaceTypes": return d.InterfaceTypes;
                case "Enabled": return d.Enabled;
                case "Grouping": return d.Grouping;
                case "Profiles": return d.Profiles;
                case "EdgeTraversal": return d.EdgeOptions == 1;
                case "Action": return d.Action;
                case "EdgeTraversalOptions": return d.EdgeOptions;
                case "LocalAppPackageId": return d.LocalAppPackageId;
                case "LocalUserOwner": return d.LocalUserOwner;
                case "LocalUserAuthorizedList": return d.LocalUserAuthorizedList;
                case "RemoteUserAuthorizedList": return d.RemoteUserAuthorizedList;
                case "RemoteMachineAuthorizedList": return d.RemoteMachineAuthorizedList;
                default: return d.SecureFlags;
            }
        }

        public override object DispPut(string name, object value)
        {
            string p = Properties[name];
            Put(p, delegate (RuleData c) { Set(c, p, value); }, value);
            return value;
        }

        // a null BSTR, which only a typed interface can pass
        internal void PutNull(string name)
        {
            string p = Properties[name];
            Put(p, delegate (RuleData c) {
                switch (p)
                {
                    case "ApplicationName": c.ApplicationName = null; break;
                    case "serviceName": c.ServiceName = null; break;
                    case "LocalAppPackageId": c.LocalAppPackageId = null; break;
                    case "LocalUserOwner": c.LocalUserOwner = null; break;
                    case "LocalUserAuthorizedList": c.LocalUserAuthorizedList = null; break;
                    case "RemoteUserAuthorizedList": c.RemoteUserAuthorizedList = null; break;
                    case "RemoteMachineAuthorizedList": c.RemoteMachineAuthorizedList = null; break;
                    default: Set(c, p, null); break;
                }
            }, null);
        }

        void Put(string p, Action<RuleData> change, object value)
        {
            RuleData c = d.Copy();
            if (!attached) { change(c); d = c; Store.Read("put on a new rule", p); return; }
            if (!Store.Data.Rules.Any(r => r.Id == d.Id)) throw Hr.Make(Hr.NotFound);
            if (d.OfPolicy) throw Hr.Make(Hr.AccessDenied);
            change(c);
            Norm.Commit(c);
            Store.BeforeWrite("put." + p, d.Id + " " + d.Name, Show(value));
            int i = Store.Data.Rules.FindIndex(r => r.Id == d.Id);
            Store.Data.Rules[i] = c;
            d = c;
            Store.Save();
        }

        static string Show(object v) { v = Bare(v); var e = v as IEnumerable; return v == null ? null : e != null && !(v is string) ? string.Join(",", e.Cast<object>()) : Convert.ToString(v, CultureInfo.InvariantCulture); }

        static string NotEmpty(object v) { string s = Str(v); if (s.Length == 0) throw Hr.Make(Hr.InvalidArg); return s; }
        static string OrNull(object v) { string s = Str(v); return s.Length == 0 ? null : s; }
        static int OneOf(object v, params int[] allowed) { int n = Int(v); if (!allowed.Contains(n)) throw Hr.Make(Hr.InvalidArg); return n; }

        static string Sddl(object v)
        {
            string s = NotEmpty(v);
            if (!Regex.IsMatch(s, @"^(O:[^:]+)?(G:[^:]+)?D:")) throw Hr.Make(Hr.InvalidArg);
            return s;
        }

        static void Set(RuleData c, string p, object v)
        {
            switch (p)
            {
                case "Name": c.Name = NotEmpty(v); break;
                case "Description": c.Description = OrNull(v); break;
                case "ApplicationName": c.ApplicationName = NotEmpty(v); break;
                case "serviceName": c.ServiceName = NotEmpty(v); break;
                case "Protocol":
                    int proto = Int(v);
                    if (proto < 0 || proto > 256) throw Hr.Make(Hr.InvalidArg);
                    bool ports = proto == 6 || proto == 17, icmp = proto == 1 || proto == 58;
                    if (!ports && (c.LocalPorts != null || c.RemotePorts != null)) throw Hr.Make(Hr.InvalidArg);
                    if (c.Icmp != null && proto != c.Protocol) throw Hr.Make(Hr.InvalidArg);
                    c.Protocol = proto;
                    if (!icmp) c.Icmp = null;
                    break;
                case "LocalPorts": c.LocalPorts = Norm.Ports(Str(v), c.Protocol, true); break;
                case "RemotePorts": c.RemotePorts = Norm.Ports(Str(v), c.Protocol, false); break;
                case "LocalAddresses": c.LocalAddresses = Norm.Addresses(Str(v)); break;
                case "RemoteAddresses": c.RemoteAddresses = Norm.Addresses(Str(v)); break;
                case "IcmpTypesAndCodes": c.Icmp = Norm.Icmp(Str(v), c.Protocol); break;
                case "Direction": c.Direction = OneOf(v, 1, 2); break;
                case "Interfaces": c.Interfaces = Aliases(v); break;
                case "InterfaceTypes": c.InterfaceTypes = Norm.InterfaceTypes(Str(v)); break;
                case "Enabled": c.Enabled = Bool(v); break;
                case "Grouping": c.Grouping = OrNull(v); break;
                case "Profiles":
                    int mask = Int(v);
                    if (mask != 0x7fffffff && (mask <= 0 || (mask & ~7) != 0)) throw Hr.Make(Hr.InvalidArg);
                    c.Profiles = mask;
                    break;
                case "EdgeTraversal": c.EdgeOptions = Bool(v) ? 1 : 0; break;
                case "Action": c.Action = OneOf(v, 0, 1); break;
                case "EdgeTraversalOptions": c.EdgeOptions = OneOf(v, 0, 1, 2, 3); break;
                case "LocalAppPackageId": c.LocalAppPackageId = NotEmpty(v); break;
                case "LocalUserOwner": c.LocalUserOwner = NotEmpty(v); break;
                case "LocalUserAuthorizedList": c.LocalUserAuthorizedList = Sddl(v); break;
                case "RemoteUserAuthorizedList": c.RemoteUserAuthorizedList = Sddl(v); break;
                case "RemoteMachineAuthorizedList": c.RemoteMachineAuthorizedList = Sddl(v); break;
                case "SecureFlags": c.SecureFlags = OneOf(v, 0, 1, 2, 3, 4); break;
            }
        }

        // a VARIANT: empty, or an array of strings; a lone string is no array
        internal static string[] Aliases(object v)
        {
            v = Bare(v);
            if (v == null) return null;
            if (v is string || !(v is IEnumerable)) throw Hr.Make(Hr.InvalidArg);
            string[] names = ((IEnumerable)v).Cast<object>().Select(o => Bare(o) as string).ToArray();
            if (names.Length == 0) return null;
            foreach (string n in names) if (n == null || !Store.Data.Interfaces.Contains(n, StringComparer.OrdinalIgnoreCase)) throw Hr.Make(Hr.InvalidArg);
            return names;
        }

        // What Get-Member, Select-Object and .PSObject.Properties see.
        public string Name { get { return (string)DispGet("Name"); } set { DispPut("Name", value); } }
        public string Description { get { return (string)DispGet("Description"); } set { DispPut("Description", value); } }
        public string ApplicationName { get { return (string)DispGet("ApplicationName"); } set { DispPut("ApplicationName", value); } }
        public string serviceName { get { return (string)DispGet("serviceName"); } set { DispPut("serviceName", value); } }
        public int Protocol { get { return (int)DispGet("Protocol"); } set { DispPut("Protocol", value); } }
        public string LocalPorts { get { return (string)DispGet("LocalPorts"); } set { DispPut("LocalPorts", value); } }
        public string RemotePorts { get { return (string)DispGet("RemotePorts"); } set { DispPut("RemotePorts", value); } }
        public string LocalAddresses { get { return (string)DispGet("LocalAddresses"); } set { DispPut("LocalAddresses", value); } }
        public string RemoteAddresses { get { return (string)DispGet("RemoteAddresses"); } set { DispPut("RemoteAddresses", value); } }
        public string IcmpTypesAndCodes { get { return (string)DispGet("IcmpTypesAndCodes"); } set { DispPut("IcmpTypesAndCodes", value); } }
        public int Direction { get { return (int)DispGet("Direction"); } set { DispPut("Direction", value); } }
        public object Interfaces { get { return DispGet("Interfaces"); } set { DispPut("Interfaces", value); } }
        public string InterfaceTypes { get { return (string)DispGet("InterfaceTypes"); } set { DispPut("InterfaceTypes", value); } }
        public bool Enabled { get { return (bool)DispGet("Enabled"); } set { DispPut("Enabled", value); } }
        public string Grouping { get { return (string)DispGet("Grouping"); } set { DispPut("Grouping", value); } }
        public int Profiles { get { return (int)DispGet("Profiles"); } set { DispPut("Profiles", value); } }
        public bool EdgeTraversal { get { return (bool)DispGet("EdgeTraversal"); } set { DispPut("EdgeTraversal", value); } }
        public int Action { get { return (int)DispGet("Action"); } set { DispPut("Action", value); } }
        public int EdgeTraversalOptions { get { return (int)DispGet("EdgeTraversalOptions"); } set { DispPut("EdgeTraversalOptions", value); } }
        public string LocalAppPackageId { get { return (string)DispGet("LocalAppPackageId"); } set { DispPut("LocalAppPackageId", value); } }
        public string LocalUserOwner { get { return (string)DispGet("LocalUserOwner"); } set { DispPut("LocalUserOwner", value); } }
        public string LocalUserAuthorizedList { get { return (string)DispGet("LocalUserAuthorizedList"); } set { DispPut("LocalUserAuthorizedList", value); } }
        public string RemoteUserAuthorizedList { get { return (string)DispGet("RemoteUserAuthorizedList"); } set { DispPut("RemoteUserAuthorizedList", value); } }
        public string RemoteMachineAuthorizedList { get { return (string)DispGet("RemoteMachineAuthorizedList"); } set { DispPut("RemoteMachineAuthorizedList", value); } }
        public int SecureFlags { get { return (int)DispGet("SecureFlags"); } set { DispPut("SecureFlags", value); } }
    }

    // ---------------------------------------------------------------- INetFwRules
    public class EnumVariant : System.Runtime.InteropServices.ComTypes.IEnumVARIANT
    {
        readonly List<object> all; int at;
        public EnumVariant(IEnumerable source) { all = source.Cast<object>().ToList(); }
        public int Next(int celt, object[] into, IntPtr fetched)
        {
            int n = 0;
            while (n < celt && at < all.Count) into[n++] = all[at++];
            if (fetched != IntPtr.Zero) Marshal.WriteInt32(fetched, n);
            return n == celt ? 0 : 1;
        }
        public int Skip(int celt) { at += celt; return at <= all.Count ? 0 : 1; }
        public int Reset() { at = 0; return 0; }
        public System.Runtime.InteropServices.ComTypes.IEnumVARIANT Clone() { return new EnumVariant(all) { at = at }; }
    }

    public class FwRules : ComObject, IEnumerable
    {
        static readonly string[] Methods = { "Add", "Remove", "Item" };
        internal override bool Has(string name) { return name.Equals("Count", StringComparison.OrdinalIgnoreCase); }
        internal override bool Takes(string name) { return Methods.Contains(name, StringComparer.OrdinalIgnoreCase); }
        internal override IEnumerable<string> Names() { return Methods.Concat(new[] { "Count" }); }
        internal override bool Implements(Guid iid) { return iid == new Guid("9C4C6277-5027-441E-AFAE-CA1F542DA009"); }
        public int Count { get { return (int)DispGet("Count"); } }
        public override object DispPut(string name, object value) { throw Hr.Make(Hr.BadParamCount); }

        static IEnumerable<RuleData> Visible() { return Store.Data.Rules.Where(r => !r.OfPolicy || Store.GpoVisible); }

        public override object DispGet(string name) { Store.CheckService(); Store.Read("rules.Count", null); return Visible().Count(); }

        public IEnumerator GetEnumerator()
        {
            Store.CheckService();
            List<RuleData> all = Visible().ToList();
            if (Store.Shuffle) { var random = new Random(); all = all.OrderBy(r => random.Next()).ToList(); }
            foreach (RuleData r in all) { Store.Read("rules.Next", null); yield return new FWRule(r); }
        }

        static bool Named(RuleData r, string name)
        {
            string shown = Store.Resolve(r.Name);
            return shown.IndexOf("ms-resource://", StringComparison.OrdinalIgnoreCase) < 0 && shown.Equals(name, StringComparison.OrdinalIgnoreCase);
        }

        public override object DispInvoke(string name, object[] args)
        {
            Store.CheckService();
            if (name == "GetEnumeratorVariant" || name == "get__NewEnum") return new EnumVariant(this);
            if (args.Length != 1) throw Hr.Make(Hr.BadParamCount);
            object arg = Bare(args[0]);
            if (name.Equals("Add", StringComparison.OrdinalIgnoreCase))
            {
                var rule = arg as FWRule;
                if (rule == null) throw Hr.Make(Hr.TypeMismatch);
                RuleData c = rule.Data.Copy();
                if (c.OfPolicy) throw Hr.Make(Hr.AccessDenied);
                Norm.Commit(c);
                Store.BeforeWrite("Add", c.Id + " " + c.Name, null);
                Store.Data.Rules.RemoveAll(r => r.Id == c.Id); // same identifier: overwritten
                Store.Data.Rules.Add(c);
                rule.Attach(c); // later changes of the added object reach the store
                Store.Save();
                return null;
            }
            string wanted = Str(arg);
            if (wanted.Length == 0) throw Hr.Make(Hr.InvalidArg);
            string blind = Environment.GetEnvironmentVariable("FAKEFW_ITEM_BLIND");
            RuleData found = !string.IsNullOrEmpty(blind) && Regex.IsMatch(wanted, blind) ? null : Visible().FirstOrDefault(r => Named(r, wanted));
            if (name.Equals("Item", StringComparison.OrdinalIgnoreCase))
            {
                Store.Read("rules.Item", wanted);
                if (found == null) throw Hr.Make(Hr.NotFound);
                return new FWRule(found);
            }
            // one rule of that name, whichever comes first; none is no error
            if (found != null && found.OfPolicy) throw Hr.Make(Hr.AccessDenied);
            Store.BeforeWrite("Remove", found == null ? wanted : found.Id + " " + found.Name, null);
            if (found != null) { Store.Data.Rules.RemoveAll(r => r.Id == found.Id); Store.Save(); }
            return null;
        }
    }

    // ---------------------------------------------------------------- HNetCfg.FwPolicy2
    public class FwPolicy2 : ComObject
    {
        static readonly string[] Plain = { "CurrentProfileTypes", "Rules", "LocalPolicyModifyState", "ServiceRestriction" };
        static readonly string[] PerProfile = { "FirewallEnabled", "ExcludedInterfaces", "BlockAllInboundTraffic", "NotificationsDisabled",
            "UnicastResponsesToMulticastBroadcastDisabled", "DefaultInboundAction", "DefaultOutboundAction" };
        static readonly string[] Others = { "IsRuleGroupCurrentlyEnabled", "IsRuleGroupEnabled", "EnableRuleGroup", "RestoreLocalFirewallDefaults" };
        static bool In(string[] set, string name) { return set.Contains(name, StringComparer.OrdinalIgnoreCase); }

        public FwPolicy2() { Store.Load(); Store.Read("policy.new", null); }
        internal override bool Has(string name) { return In(Plain, name) || In(PerProfile, name); }
        internal override bool Takes(string name) { return In(PerProfile, name) || In(Others, name); }
        internal override IEnumerable<string> Names() { return Plain.Concat(PerProfile).Concat(Others); }
        internal override bool Implements(Guid iid) { return iid == new Guid("98325047-C671-4174-8D81-DEFCD3F03186"); }
        public int CurrentProfileTypes { get { return (int)DispGet("CurrentProfileTypes"); } }
        public FwRules Rules { get { return (FwRules)DispGet("Rules"); } }
        public int LocalPolicyModifyState { get { return (int)DispGet("LocalPolicyModifyState"); } }

        public override object DispGet(string name)
        {
            Store.CheckService();
            Store.Read("policy." + name, null);
            if (name.Equals("Rules", StringComparison.OrdinalIgnoreCase)) return new FwRules();
            if (name.Equals("CurrentProfileTypes", StringComparison.OrdinalIgnoreCase)) return Store.Data.CurrentProfiles;
            if (name.Equals("LocalPolicyModifyState", StringComparison.OrdinalIgnoreCase)) return Store.Data.ModifyState;
            return null;
        }
        public override object DispPut(string name, object value) { throw Hr.Make(Hr.BadParamCount); }

        static bool GroupOn(int mask, string group)
        {
            return Store.Data.Rules.Any(r => r.Grouping != null && r.Enabled && (r.Profiles & mask) != 0 &&
                (r.Grouping.Equals(group, StringComparison.OrdinalIgnoreCase) || Store.Resolve(r.Grouping).Equals(group, StringComparison.OrdinalIgnoreCase)));
        }

        public override object DispInvoke(string name, object[] args)
        {
            Store.CheckService();
            if (In(Others, name))
            {
                string n = Others.First(o => o.Equals(name, StringComparison.OrdinalIgnoreCase));
                if (n == "IsRuleGroupCurrentlyEnabled") { Store.Read("policy." + n, Str(args[0])); return GroupOn(Store.Data.CurrentProfiles, Str(args[0])); }
                if (n == "IsRuleGroupEnabled") { Store.Read("policy." + n, Str(args[1])); return GroupOn(Int(args[0]), Str(args[1])); }
                if (n == "RestoreLocalFirewallDefaults")
                {
                    Store.BeforeWrite(n, "", null);
                    StoreData fresh = Sample.Build("server");
                    Store.Data.Rules = fresh.Rules; Store.Data.Profiles = fresh.Profiles; Store.Save();
                    return null;
                }
                int mask = Int(args[0]); string group = Str(args[1]); bool enable = Bool(args[2]);
                if (mask <= 0 || (mask != 0x7fffffff && (mask & ~7) != 0) || group.Length == 0) throw Hr.Make(Hr.InvalidArg);
                Store.BeforeWrite(n, group, enable.ToString());
                foreach (RuleData r in Store.Data.Rules)
                    if (!r.OfPolicy && r.Grouping != null && (r.Profiles & mask) != 0 && (r.Grouping.Equals(group, StringComparison.OrdinalIgnoreCase) || Store.Resolve(r.Grouping).Equals(group, StringComparison.OrdinalIgnoreCase)))
                        r.Enabled = enable;
                Store.Save();
                return null;
            }
            string p = PerProfile.First(o => o.Equals(name, StringComparison.OrdinalIgnoreCase));
            if (args.Length < 1 || args.Length > 2) throw Hr.Make(Hr.BadParamCount);
            int which = Int(args[0]);
            if (which != 1 && which != 2 && which != 4) throw Hr.Make(Hr.InvalidArg);
            ProfileData d = Store.Data.Profiles[which.ToString(CultureInfo.InvariantCulture)];
            if (args.Length == 1)
            {
                Store.Read("policy." + p, which.ToString(CultureInfo.InvariantCulture));
                switch (p)
                {
                    case "FirewallEnabled": return d.Enabled;
                    case "ExcludedInterfaces": return d.ExcludedInterfaces == null ? null : d.ExcludedInterfaces.Cast<object>().ToArray();
                    case "BlockAllInboundTraffic": return d.BlockAll;
                    case "NotificationsDisabled": return d.NotificationsDisabled;
                    case "UnicastResponsesToMulticastBroadcastDisabled": return d.NoUnicastResponses;
                    case "DefaultInboundAction": return d.In;
                    default: return d.Out;
                }
            }
            object v = args[1];
            int action = p.StartsWith("Default", StringComparison.Ordinal) ? Int(v) : 0;
            if (action != 0 && action != 1) throw Hr.Make(Hr.InvalidArg);
            bool flag = p.StartsWith("Default", StringComparison.Ordinal) || p == "ExcludedInterfaces" ? false : Bool(v);
            string[] aliases = p == "ExcludedInterfaces" ? FWRule.Aliases(v) : null;
            Store.BeforeWrite("profile." + p, which.ToString(CultureInfo.InvariantCulture), Convert.ToString(Bare(v), CultureInfo.InvariantCulture));
            switch (p)
            {
                case "FirewallEnabled": d.Enabled = flag; break;
                case "ExcludedInterfaces": d.ExcludedInterfaces = aliases; break;
                case "BlockAllInboundTraffic": d.BlockAll = flag; break;
                case "NotificationsDisabled": d.NotificationsDisabled = flag; break;
                case "UnicastResponsesToMulticastBroadcastDisabled": d.NoUnicastResponses = flag; break;
                case "DefaultInboundAction": d.In = action; break;
                default: d.Out = action; break;
            }
            Store.Save();
            return v;
        }
    }

    // ---------------------------------------------------------------- sample store
    public static class Sample
    {
        const string Svchost = "%SystemRoot%\\system32\\svchost.exe";
        static int seed;

        static RuleData R(StoreData s, string group, string groupText, string name, int protocol, int direction, string local, string remote, string program, string service,
            bool enabled = false, int profiles = 0x7fffffff, string remoteAddresses = "*", string icmp = null, int edge = 0)
        {
            seed++;
            string key = group.Substring(0, group.IndexOf(',') + 1) + "-" + (40000 + seed * 3).ToString(CultureInfo.InvariantCulture);
            s.Resources[group] = groupText;
            s.Resources[key] = name;
            s.Resources[key + "d"] = (direction == 1 ? "Inbound" : "Outbound") + " rule of the group " + groupText + ".";
            var r = new RuleData { Id = "FAKE-" + seed.ToString("D5", CultureInfo.InvariantCulture), Name = key, Description = key + "d", Grouping = group, Protocol = protocol,
                Direction = direction, LocalPorts = local, RemotePorts = remote, ApplicationName = program, ServiceName = service, Enabled = enabled, Profiles = profiles,
                RemoteAddresses = Norm.Addresses(remoteAddresses), Icmp = icmp, EdgeOptions = edge };
            Norm.Commit(r);
            s.Rules.Add(r);
            return r;
        }

        public static StoreData Build(string kind)
        {
            seed = 0;
            var s = new StoreData();
            if (kind == "empty") return s;
            int wanted = 400;
            int number;
            if (int.TryParse(kind, out number)) wanted = number;

            const string core = "@FirewallAPI.dll,-25000", coreText = "Core Networking";
            string[] icmp6 = { "Packet Too Big|2:*", "Time Exceeded|3:*", "Parameter Problem|4:*", "Multicast Listener Query|130:*", "Multicast Listener Report|131:*", "Multicast Listener Done|132:*",
                "Router Solicitation|133:*", "Router Advertisement|134:*", "Neighbor Discovery Solicitation|135:*", "Neighbor Discovery Advertisement|136:*", "Multicast Listener Report v2|143:*", "Destination Unreachable|1:*" };
            foreach (string t in icmp6)
                for (int dir = 1; dir <= 2; dir++)
                    R(s, core, coreText, coreText + " - " + t.Split('|')[0] + " (ICMPv6-" + (dir == 1 ? "In" : "Out") + ")", 58, dir, null, null, "System", null, true, icmp: t.Split('|')[1]);
            R(s, core, coreText, "Core Networking - Destination Unreachable Fragmentation Needed (ICMPv4-In)", 1, 1, null, null, "System", null, true, icmp: "3:4");
            for (int dir = 1; dir <= 2; dir++)
            {
                string d = dir == 1 ? "In" : "Out";
                R(s, core, coreText, "Core Networking - Internet Group Management Protocol (IGMP-" + d + ")", 2, dir, null, null, "System", null, true);
                R(s, core, coreText, "Core Networking - Dynamic Host Configuration Protocol (DHCP-" + d + ")", 17, dir, "68", "67", Svchost, "dhcp", true);
                R(s, core, coreText, "Core Networking - Dynamic Host Configuration Protocol for IPv6(DHCPV6-" + d + ")", 17, dir, "546", "547", Svchost, "dhcp", true);
                R(s, core, coreText, "Core Networking - IPv6 (IPv6-" + d + ")", 41, dir, null, null, "System", null, true);
            }
            R(s, core, coreText, "Core Networking - Teredo (UDP-In)", 17, 1, "Teredo", null, Svchost, "iphlpsvc", true);
            R(s, core, coreText, "Core Networking - Teredo (UDP-Out)", 17, 2, null, null, Svchost, "iphlpsvc", true);
            R(s, core, coreText, "Core Networking - IPHTTPS (TCP-In)", 6, 1, "IPHTTPS", null, "System", null, true);
            R(s, core, coreText, "Core Networking - IPHTTPS (TCP-Out)", 6, 2, null, "IPHTTPS", Svchost, "iphlpsvc", true);
            R(s, core, coreText, "Core Networking - DNS (UDP-Out)", 17, 2, null, "53", Svchost, "dnscache", true);
            R(s, core, coreText, "Core Networking - Group Policy (LSASS-Out)", 6, 2, null, null, "%SystemRoot%\\system32\\lsass.exe", null, true, 1);
            R(s, core, coreText, "Core Networking - Group Policy (NP-Out)", 6, 2, null, "445", "System", null, true, 1);

            R(s, "@peerdistsh.dll,-9000", "BranchCache - Content Retrieval (Uses HTTP)", "BranchCache Content Retrieval (HTTP-In)", 6, 1, "80", null, "SYSTEM", null);
            R(s, "@peerdistsh.dll,-9000", "BranchCache - Content Retrieval (Uses HTTP)", "BranchCache Content Retrieval (HTTP-Out)", 6, 2, null, "80", "SYSTEM", null);
            R(s, "@peerdistsh.dll,-9001", "BranchCache - Peer Discovery (Uses WSD)", "BranchCache Peer Discovery (WSD-In)", 17, 1, "3702", null, Svchost, "PeerDistSvc", remoteAddresses: "LocalSubnet");
            R(s, "@peerdistsh.dll,-9001", "BranchCache - Peer Discovery (Uses WSD)", "BranchCache Peer Discovery (WSD-Out)", 17, 2, null, "3702", Svchost, "PeerDistSvc", remoteAddresses: "LocalSubnet");
            R(s, "@peerdistsh.dll,-9002", "BranchCache - Hosted Cache Server (Uses HTTPS)", "BranchCache Hosted Cache Server (HTTP-In)", 6, 1, "80,443", null, "SYSTEM", null);
            R(s, "@peerdistsh.dll,-9003", "BranchCache - Hosted Cache Client (Uses HTTPS)", "BranchCache Hosted Cache Client (HTTP-Out)", 6, 2, null, "80,443", "SYSTEM", null);

            foreach (int profile in new[] { 1, 2, 4 })
            {
                R(s, "@FirewallAPI.dll,-30267", "Windows Remote Management", "Windows Remote Management (HTTP-In)", 6, 1, "5985", null, "System", null, true, profile, profile == 4 ? "LocalSubnet" : "*");
                string fp = "@FirewallAPI.dll,-28502", fpText = "File and Printer Sharing";
                R(s, fp, fpText, "File and Printer Sharing (SMB-In)", 6, 1, "445", null, "System", null, false, profile, profile == 1 ? "*" : "LocalSubnet");
                R(s, fp, fpText, "File and Printer Sharing (NB-Session-In)", 6, 1, "139", null, "System", null, false, profile, profile == 1 ? "*" : "LocalSubnet");
                R(s, fp, fpText, "File and Printer Sharing (NB-Datagram-Out)", 17, 2, null, "138", "System", null, false, profile, profile == 1 ? "*" : "LocalSubnet");
                R(s, fp, fpText, "File and Printer Sharing (Spooler Service - RPC)", 6, 1, "RPC", null, "%SystemRoot%\\system32\\spoolsv.exe", "Spooler", false, profile);
                R(s, fp, fpText, "File and Printer Sharing (Spooler Service - RPC-EPMAP)", 6, 1, "RPC-EPMap", null, null, "Rpcss", false, profile);
                R(s, fp, fpText, "File and Printer Sharing (Echo Request - ICMPv4-In)", 1, 1, null, null, null, null, false, profile, icmp: "8:*");
                R(s, fp, fpText, "File and Printer Sharing (Echo Request - ICMPv6-In)", 58, 1, null, null, null, null, false, profile, icmp: "128:*");
                string nd = "@FirewallAPI.dll,-32752", ndText = "Network Discovery";
                R(s, nd, ndText, "Network Discovery (WSD-In)", 17, 1, "3702", null, Svchost, "fdphost", false, profile, "LocalSubnet");
                R(s, nd, ndText, "Network Discovery (SSDP-In)", 17, 1, "1900", null, Svchost, "Ssdpsrv", false, profile, "LocalSubnet");
                R(s, nd, ndText, "Network Discovery (LLMNR-UDP-In)", 17, 1, "5355", null, Svchost, "dnscache", false, profile, "LocalSubnet");
            }
            R(s, "@FirewallAPI.dll,-30252", "Windows Remote Management (Compatibility)", "Windows Remote Management - Compatibility Mode (HTTP-In)", 6, 1, "80", null, "System", null);
            R(s, "@FirewallAPI.dll,-28752", "Remote Desktop", "Remote Desktop - User Mode (TCP-In)", 6, 1, "3389", null, Svchost, "termservice");
            R(s, "@FirewallAPI.dll,-28752", "Remote Desktop", "Remote Desktop - User Mode (UDP-In)", 17, 1, "3389", null, Svchost, "termservice");
            R(s, "@FirewallAPI.dll,-28752", "Remote Desktop", "Remote Desktop - Shadow (TCP-In)", 6, 1, null, null, "%SystemRoot%\\system32\\RdpSa.exe", null, edge: 2);
            R(s, "@FirewallAPI.dll,-30002", "Windows Defender Firewall Remote Management", "Windows Defender Firewall Remote Management (RPC)", 6, 1, "RPC", null, Svchost, "policyagent");
            R(s, "@FirewallAPI.dll,-30002", "Windows Defender Firewall Remote Management", "Windows Defender Firewall Remote Management (RPC-EPMAP)", 6, 1, "RPC-EPMap", null, Svchost, "RPCSS");
            R(s, "@FirewallAPI.dll,-37302", "mDNS", "mDNS (UDP-In)", 17, 1, "5353", null, Svchost, "dnscache", true, 4, "LocalSubnet");
            R(s, "@FirewallAPI.dll,-50323", "SNMP Trap", "SNMP Trap Service (UDP In)", 17, 1, "162", null, "%SystemRoot%\\system32\\snmptrap.exe", "SNMPTRAP", profiles: 3, remoteAddresses: "LocalSubnet");

            // AppX rules: the name cannot be looked up; some appear once for each user
            for (int u = 1; u <= 2; u++)
                foreach (string app in new[] { "Start", "Microsoft.Windows.Search", "Microsoft.AAD.BrokerPlugin", "Microsoft.Windows.CloudExperienceHost" })
                {
                    seed++;
                    s.Rules.Add(new RuleData { Id = "FAKE-APP-" + seed, Name = "@{" + app + "_10.0.0.0_neutral_neutral_cw5n1h2txyewy?ms-resource://" + app + "/resources/PackageDisplayName}",
                        Grouping = "@{" + app + "_10.0.0.0_neutral_neutral_cw5n1h2txyewy?ms-resource://" + app + "/resources/PackageDisplayName}", Direction = 2, Enabled = true, Profiles = 7,
                        LocalAppPackageId = "S-1-15-2-" + (1000 + seed), LocalUserOwner = "S-1-5-21-1-2-3-" + (1000 + u) });
                }
            for (int g = 0; s.Rules.Count < wanted - 6; g++)
            {
                string group = "@%SystemRoot%\\system32\\firewallapi.dll,-" + (50000 + g * 25).ToString(CultureInfo.InvariantCulture);
                string text = "Sample Role Service " + (g + 1).ToString(CultureInfo.InvariantCulture);
                for (int k = 0; k < 8 && s.Rules.Count < wanted - 6; k++)
                {
                    int proto = k % 4 == 3 ? 17 : 6;
                    R(s, group, text, text + " (" + (proto == 6 ? "TCP" : "UDP") + "-" + (k % 2 == 0 ? "In" : "Out") + " " + k + ")", proto, k % 2 == 0 ? 1 : 2,
                        k % 2 == 0 ? (k == 4 ? "RPC" : (49000 + g * 8 + k).ToString(CultureInfo.InvariantCulture)) : null, k % 2 == 0 ? null : (50000 + k).ToString(CultureInfo.InvariantCulture),
                        "%SystemRoot%\\system32\\role" + g + ".exe", k % 3 == 0 ? "RoleSvc" + g : null, g % 3 == 0, k % 5 == 0 ? 1 : 0x7fffffff, k == 6 ? "LocalSubnet" : "*");
                }
            }
            // rules that an administrator added by hand, among them two of one name, and rules of a group policy
            s.Rules.Add(new RuleData { Id = "{00000000-0000-4000-8000-000000000001}", Name = "Backup agent", Protocol = 6, LocalPorts = "10050", RemoteAddresses = "10.20.0.5/255.255.255.255", Enabled = true, ApplicationName = "C:\\Program Files\\Agent\\agent.exe" });
            s.Rules.Add(new RuleData { Id = "{00000000-0000-4000-8000-000000000002}", Name = "Duplicate name", Protocol = 6, LocalPorts = "8080", Enabled = true });
            s.Rules.Add(new RuleData { Id = "{00000000-0000-4000-8000-000000000003}", Name = "Duplicate name", Protocol = 17, LocalPorts = "8080", Enabled = true, Action = 0 });
            s.Rules.Add(new RuleData { Id = "{00000000-0000-4000-8000-000000000004}", Name = "Règle à accents – 規則", Description = "\"quoted\" <tag> & more", Protocol = 6, LocalPorts = "8443,9000-9010", Enabled = true, RemoteAddresses = "192.168.0.1-192.168.0.5,2001:db8::/32" });
            s.Rules.Add(new RuleData { Id = "{00000000-0000-4000-8000-000000000005}", Name = "Policy: allow monitoring", Protocol = 6, LocalPorts = "9182", Enabled = true, Source = "gpo" });
            s.Rules.Add(new RuleData { Id = "{00000000-0000-4000-8000-000000000006}", Name = "Policy: block telnet", Protocol = 6, LocalPorts = "23", Enabled = true, Action = 0, Source = "gpo" });
            return s;
        }
    }
}

namespace FakeHost
{
    // HKLM\SOFTWARE\Policies\Microsoft\WindowsFirewall and the rest of a host, from the JSON file in FAKEHOST
    public class Key
    {
        readonly JsonElement e;
        public Key(JsonElement x) { e = x; }
        public Key OpenSubKey(string name)
        {
            JsonElement at = e;
            foreach (string part in name.Split('\\'))
            {
                bool hit = false;
                if (at.ValueKind == JsonValueKind.Object)
                    foreach (var p in at.EnumerateObject()) if (p.Name.Equals(part, StringComparison.OrdinalIgnoreCase)) { at = p.Value; hit = true; break; }
                if (!hit) return null;
            }
            return new Key(at);
        }
        public string[] GetSubKeyNames() { return e.EnumerateObject().Where(p => p.Value.ValueKind == JsonValueKind.Object).Select(p => p.Name).ToArray(); }
        public string[] GetValueNames() { return e.EnumerateObject().Where(p => p.Value.ValueKind != JsonValueKind.Object).Select(p => p.Name).ToArray(); }
        public object GetValue(string name)
        {
            foreach (var p in e.EnumerateObject()) if (p.Name.Equals(name, StringComparison.OrdinalIgnoreCase)) return p.Value.ValueKind == JsonValueKind.Number ? (object)p.Value.GetInt32() : p.Value.GetString();
            return null;
        }
    }
    public static class Host
    {
        public static JsonElement Data { get { string f = Environment.GetEnvironmentVariable("FAKEHOST"); return JsonDocument.Parse(string.IsNullOrEmpty(f) ? "{}" : File.ReadAllText(f)).RootElement; } }
        public static bool Known { get { return !string.IsNullOrEmpty(Environment.GetEnvironmentVariable("FAKEHOST")); } }
    }
    public class EndPoint { public System.Net.IPAddress Address { get; set; } public int Port { get; set; } }
    public class Connection { public EndPoint LocalEndPoint { get; set; } public EndPoint RemoteEndPoint { get; set; } public string State { get { return "Established"; } } }
    public class Network
    {
        static readonly System.Net.NetworkInformation.IPGlobalProperties real = System.Net.NetworkInformation.IPGlobalProperties.GetIPGlobalProperties();
        public static Network GetIPGlobalProperties() { return new Network(); }
        public string DomainName { get { JsonElement e; return Host.Data.TryGetProperty("domain", out e) ? e.GetString() : real.DomainName; } }
        public object[] GetActiveTcpConnections()
        {
            JsonElement all;
            if (!Host.Known) return real.GetActiveTcpConnections();
            if (!Host.Data.TryGetProperty("connections", out all)) return new object[0];
            return all.EnumerateArray().Select(c => (object)new Connection { LocalEndPoint = End(c[0], c[1]), RemoteEndPoint = End(c[2], c[3]) }).ToArray();
        }
        static EndPoint End(JsonElement address, JsonElement port) { return new EndPoint { Address = System.Net.IPAddress.Parse(address.GetString()), Port = port.GetInt32() }; }
    }
    public static class Registry { public static Key LocalMachine { get { JsonElement e; if (!Host.Data.TryGetProperty("HKLM", out e)) e = JsonDocument.Parse("{}").RootElement; return new Key(e); } } }
}
