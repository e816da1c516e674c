#ifndef MODELS
#define MODELS 2
#endif
#ifndef POP
#define POP 1
#endif
#ifndef BREAK_RUN
#define BREAK_RUN 0
#endif
#ifndef BREAK_DATA
#define BREAK_DATA 0
#endif
#ifndef BREAK_GLOBAL
#define BREAK_GLOBAL 0
#endif
#ifndef DEATHS
#define DEATHS 0
#endif
#ifndef FIRST
#define FIRST 1
#endif
#ifndef SECOND
#define SECOND 1
#endif
#ifndef RECHECK
#define RECHECK 1
#endif
#ifndef CLOSE
#define CLOSE 1
#endif
#ifndef LASTLOOK
#define LASTLOOK 1
#endif
#ifndef OWNLOOK
#define OWNLOOK 1
#endif
#ifndef STARTLOOK
#define STARTLOOK 1
#endif
#ifndef FENCED
#define FENCED 1
#endif
#ifndef THROUGH
#define THROUGH 1
#endif
#ifndef ROLLFORWARD
#define ROLLFORWARD 1
#endif
#ifndef BREAKCAS
#define BREAKCAS 1
#endif
#ifndef NESTWAIT
#define NESTWAIT 0
#endif
#ifndef OWNDRAIN
#define OWNDRAIN 1
#endif
#ifndef GIVEWAY
#define GIVEWAY 2
#endif
#ifndef CYCLES
#define CYCLES 1
#endif
#ifndef QUEUE
#define QUEUE 1
#endif

#define FREE 0
#define ALL ((1 << MODELS) - 1)
#define FENCES (2 * MODELS)
#define PIDS 8

#define NONE 0
#define PUT 1
#define RUN 2
#define DEL 3
#define LIST 4
#define REN 5

byte fence[FENCES];
#define data(m) fence[2 * (m)]
#define run_(m) fence[2 * (m) + 1]

byte glob = FREE, gscope = 0;
bool gruns = false, gclosed = false, gpast = false;

byte stray[MODELS];
byte intent[MODELS];
byte left[MODELS];
bool moves[MODELS];

byte waits[PIDS];
byte gwait = 0;

byte active_[MODELS];
byte over = 0;
byte dead = 0;
byte breakRun = BREAK_RUN, breakData = BREAK_DATA, breakGlobal = BREAK_GLOBAL, deaths = DEATHS;

bool P1 = true, P2 = true, P9 = true, WHOLE = true, KEEP = true;

#define has(mask, i) (((mask) >> (i)) & 1)
#define bit(i) (1 << (i))

#if MODELS == 3
#define nested ((has(anc, 0) && run_(0) == _pid) || (has(anc, 1) && run_(1) == _pid) || (has(anc, 2) && run_(2) == _pid))
#else
#define nested ((has(anc, 0) && run_(0) == _pid) || (has(anc, 1) && run_(1) == _pid))
#endif
#define passes(m) (!(glob != FREE && has(gscope, m)) || (nested && !gclosed && !NESTWAIT))

#if DEATHS
#define MAYDIE if :: atomic { deaths > 0 -> deaths--; dead = dead | bit(_pid); waits[_pid] = 0; gwait = gwait & ~bit(_pid); goto gone } :: skip fi
#else
#define MAYDIE skip
#endif

inline freeGlobal() { glob = FREE; gscope = 0; gruns = false; gclosed = false; gpast = false }

inline effect(m) {
  P1 = P1 && data(m) == _pid; assert(P1);
  P2 = P2 && !(gpast && glob != _pid && has(gscope, m)); assert(P2)
}

inline roll(m) {
  if
  :: left[m] > 0 ->
       effect(m);
       if
       :: moves[m] -> over = over | (active_[m] & ~bit(intent[m]))
       :: else -> P9 = P9 && !has(over, intent[m]); assert(P9)
       fi;
       left[m]--
  :: else -> active_[m] = active_[m] & ~bit(intent[m]); intent[m] = FREE; moves[m] = false
  fi
}

inline settle(m) {
  do
  :: atomic { data(m) == _pid && intent[m] != FREE && (ROLLFORWARD || intent[m] == _pid) -> roll(m) }; MAYDIE
  :: atomic { data(m) == _pid && stray[m] != FREE -> stray[m] = FREE }
  :: atomic { data(m) != _pid || (stray[m] == FREE && (intent[m] == FREE || !(ROLLFORWARD || intent[m] == _pid))) -> break }
  od
}

inline releaseData(m) { atomic { if :: data(m) == _pid -> data(m) = FREE :: else fi } }

inline takeData(m) {
  do
  :: passes(m);
     atomic { data(m) == FREE -> data(m) = _pid };
     if
     :: atomic { RECHECK && !passes(m) -> if :: data(m) == _pid -> data(m) = FREE :: else fi }
     :: atomic { !RECHECK || passes(m) -> break }
     fi
  od
}

inline put(m) {
  done = false;
  do
  :: takeData(m);
     MAYDIE;
     settle(m);
     atomic { if :: data(m) == _pid -> stray[m] = _pid :: else fi };
     MAYDIE;
     atomic {
       if
       :: (data(m) == _pid && stray[m] == _pid) || !FENCED -> effect(m); stray[m] = FREE; done = true
       :: else
       fi
     };
     MAYDIE;
     releaseData(m);
     if :: done -> break :: else fi
  od
}

inline findCycle(m) {
  h = run_(m); stuck = false;
  do
  :: CYCLES && h == _pid -> stuck = true; break
  :: CYCLES && h != FREE && h != _pid && waits[h] != 0 -> h = run_(waits[h] - 1)
  :: else -> break
  od;
  h = 0
}

inline startRun(m) {
  do
  :: passes(m);
     atomic {
       if
       :: run_(m) == FREE -> run_(m) = _pid
       :: else ->
            waits[_pid] = (m) + 1; findCycle(m);
            if
            :: stuck -> skip
            :: !stuck -> run_(m) == FREE; run_(m) = _pid
            fi;
            waits[_pid] = 0
       fi
     };
     if :: stuck -> break :: else fi;
     if
     :: atomic { RECHECK && !passes(m) -> if :: run_(m) == _pid -> run_(m) = FREE :: else fi }
     :: atomic { !RECHECK || passes(m) -> break }
     fi
  od;
  MAYDIE
}

inline started(m) {
  if
  :: run_(m) == _pid ->
       active_[m] = active_[m] | bit(_pid); over = over & ~bit(_pid);
       P2 = P2 && !(gpast && gruns && has(gscope, m)); assert(P2)
  :: else
  fi
}

inline begin(m) {
  if
  :: atomic { !STARTLOOK || (data(m) == FREE && stray[m] == FREE && intent[m] == FREE) -> started(m) }
  :: atomic { STARTLOOK && !(data(m) == FREE && stray[m] == FREE && intent[m] == FREE) -> skip };
     do
     :: takeData(m);
        settle(m);
        atomic { if :: data(m) == _pid -> started(m); data(m) = FREE; done = true :: else -> done = false fi };
        if :: done -> break :: else fi
     od
  fi
}

inline outputs(m) {
  published = false;
  do
  :: takeData(m);
     MAYDIE;
     settle(m);
     atomic {
       if
       :: published -> skip
       :: !published && data(m) == _pid && (run_(m) == _pid || !THROUGH) ->
            WHOLE = WHOLE && intent[m] == FREE; assert(WHOLE);
            intent[m] = _pid; left[m] = 2; moves[m] = false; published = true
       :: else
       fi
     };
     MAYDIE;
     settle(m);
     releaseData(m);
     if
     :: atomic { published && intent[m] != _pid -> break }
     :: atomic { !published && run_(m) != _pid && THROUGH -> active_[m] = active_[m] & ~bit(_pid); break }
     :: atomic { (published && intent[m] == _pid) || (!published && (run_(m) == _pid || !THROUGH)) -> skip }
     fi
  od
}

#define wants(f) (has(scope, (f) / 2) && ((f) % 2 == 0 || (runs)))
#define own(f) (OWNDRAIN && (f) % 2 == 1 && has(anc, (f) / 2) && fence[f] == _pid)
#define held(f) (wants(f) && fence[f] != FREE && !own(f))
#define others (gwait & ~bit(_pid))
#define waitsFor(f) ((f) % 2 == 1 && held(f) && has(gwait, fence[f]))
#if MODELS == 3
#define waitsForAncestor (waitsFor(1) || waitsFor(3) || waitsFor(5))
#else
#define waitsForAncestor (waitsFor(1) || waitsFor(3))
#endif
#define giveWay ((GIVEWAY == 2 && others != 0) || (GIVEWAY == 1 && waitsForAncestor))

inline drain(second) {
  f = 0; again = false; stuck = false;
  do
  :: atomic {
       do :: f < FENCES && !wants(f) -> f++ :: else -> break od;
       if
       :: f == FENCES -> break
       :: f < FENCES && !held(f) -> f++
       :: f < FENCES && held(f) ->
            if
            :: f % 2 == 1 -> waits[_pid] = f / 2 + 1; findCycle(f / 2)
            :: else
            fi;
            if
            :: stuck -> waits[_pid] = 0; break
            :: else ->
                 h = fence[f];
                 if
                 :: (second) && !held(f)
                 :: !(second) && fence[f] != h
                 :: (second) && held(f) && giveWay -> again = true
                 fi;
                 h = 0; waits[_pid] = 0;
                 if :: again -> break :: else fi
            fi
       fi
     }
  od
}

inline lastLook() {
  f = 0; again = false;
  do
  :: atomic {
       do :: f < FENCES && !wants(f) -> f++ :: else -> break od;
       if
       :: f == FENCES -> break
       :: f < FENCES && held(f) -> again = true; break
       :: else -> f++
       fi
     }
  od
}

inline releaseGlobal() { atomic { if :: glob == _pid -> freeGlobal() :: else fi } }

inline whole(m) { WHOLE = WHOLE && !(intent[m] != FREE && left[m] == 1); assert(WHOLE) }

#define leftover(m) (intent[m] != FREE || stray[m] != FREE)

inline take4(m) {
  atomic { data(m) == FREE -> data(m) = _pid };
  MAYDIE;
  atomic { if :: OWNLOOK && glob != _pid -> again = true; if :: data(m) == _pid -> data(m) = FREE :: else fi :: else fi }
}

inline change(m, kind) {
  take4(m);
  if
  :: again -> skip
  :: else ->
       settle(m);
       atomic {
         if
         :: data(m) == _pid && kind == DEL ->
              effect(m); whole(m);
              todo = todo & ~bit(m); if :: runs -> over = over | (active_[m] & ~bit(_pid)) :: else fi
         :: data(m) == _pid && kind == REN ->
              WHOLE = WHOLE && intent[m] == FREE; assert(WHOLE);
              todo = todo & ~bit(m); intent[m] = _pid; left[m] = 2; moves[m] = true
         :: else
         fi
       };
       MAYDIE;
       if :: kind == REN -> settle(m) :: else fi;
       releaseData(m)
  fi
}

inline list(m) {
  if
  :: atomic { ROLLFORWARD && leftover(m) -> skip }; take4(m); if :: again -> skip :: else -> settle(m); releaseData(m) fi
  :: atomic {
       !(ROLLFORWARD && leftover(m)) ->
       if :: glob == _pid -> whole(m); todo = todo & ~bit(m) :: else -> again = true fi
     }
  fi
}

inline changes(kind) {
  again = false;
  do
  :: again || todo == 0 -> break
  :: !again && has(todo, 0) -> if :: kind == LIST -> list(0) :: else -> change(0, kind) fi
  :: !again && !has(todo, 0) && has(todo, 1) -> if :: kind == LIST -> list(1) :: else -> change(1, kind) fi
  od
}

inline ranMeanwhile() {
  f = 1;
  do
  :: f < FENCES ->
       P2 = P2 && !(held(f) && has(active_[f / 2], fence[f])); assert(P2); f = f + 2
  :: else -> break
  od;
  f = 0
}

inline structural(kind) {
  todo = scope;
  do
  ::
     if :: FIRST -> drain(false) :: else -> again = false; stuck = false fi;
     if :: stuck -> break :: else fi;
     atomic {
       if :: nested -> gwait = gwait | bit(_pid) :: else fi;
       glob == FREE && (!QUEUE || nested || others == 0);
       glob = _pid; gscope = ALL; gruns = runs; gwait = gwait & ~bit(_pid)
     };
     atomic { if :: glob == _pid -> gscope = scope :: else fi };
     MAYDIE;
     do
     ::
        if :: SECOND -> drain(true) :: else fi;
        if :: stuck || again -> break :: else fi;
        if
        :: CLOSE -> atomic { if :: glob == _pid -> gclosed = true :: else -> again = true fi }
        :: else
        fi;
        if :: again -> break :: else fi;
        MAYDIE;
        if :: LASTLOOK && SECOND && CLOSE -> lastLook() :: else fi;
        if
        :: again -> atomic { if :: glob == _pid -> gclosed = false :: else fi }; again = false
        :: else -> break
        fi
     od;
     if
     :: stuck -> releaseGlobal(); break
     :: again -> releaseGlobal()
     :: else ->
          atomic { if :: glob == _pid -> gpast = true; ranMeanwhile() :: else fi };
          changes(kind);
          MAYDIE;
          releaseGlobal();
          if :: again -> skip :: else -> break fi
     fi
  od;
  todo = 0; again = false
}

proctype Put(byte m) {
  byte anc = 0;
  bool done;
  put(m);
gone: skip
}

proctype Method(byte m, act, x, act2, y) {
  byte anc = 0, f = 0, h = 0, todo = 0, scope = 0;
  bool runs = true;
  byte cur = m, depth = 0, action, arg;
  bool done = false, published = false, stuck = false, again = false;
  do
  :: startRun(cur);
     if
     :: stuck -> stuck = false
     :: else ->
          anc = anc | bit(cur);
          begin(cur);
          atomic { if :: depth == 0 -> action = act; arg = x :: else -> action = act2; arg = y fi };
          MAYDIE;
          if
          :: action == PUT -> put(arg)
          :: action == DEL -> scope = arg; structural(DEL); scope = 0; stuck = false
          :: action == RUN -> depth = 1; cur = arg; goto deeper
          :: else
          fi;
outer:
          outputs(cur);
          atomic { if :: run_(cur) == _pid -> run_(cur) = FREE :: else fi; anc = anc & ~bit(cur) }
     fi;
     if
     :: depth == 1 -> depth = 0; cur = m; goto outer
     :: else -> break
     fi;
deeper: skip
  od;
gone: skip
}

proctype Structural(byte scope; bool runs; byte kind) {
  byte anc = 0, f = 0, h = 0, todo = 0;
  bool stuck = false, again = false;
  structural(kind);
gone: skip
}

proctype Adversary() {
  do
  :: atomic { breakRun > 0 && run_(0) != FREE -> breakRun--; run_(0) = FREE }
  :: atomic { breakRun > 0 && run_(1) != FREE -> breakRun--; run_(1) = FREE }
  :: atomic { breakData > 0 && data(0) != FREE -> breakData--; data(0) = FREE }
  :: atomic { breakData > 0 && data(1) != FREE -> breakData--; data(1) = FREE }
  :: atomic { breakGlobal > 0 && glob != FREE -> breakGlobal--; freeGlobal() }
  :: break
  od
}

#define JUDGE(f) atomic { has(dead, f) -> h = f }; atomic { if :: f == h || !BREAKCAS -> KEEP = KEEP && (f == FREE || has(dead, f)); assert(KEEP); f = FREE :: else fi; h = 0 }
proctype Judge() {
  byte h = 0;
end:
  do
  :: JUDGE(fence[0])
  :: JUDGE(fence[1])
  :: JUDGE(fence[2])
  :: JUDGE(fence[3])
  :: atomic { has(dead, glob) -> h = glob }; atomic { if :: glob == h || !BREAKCAS -> KEEP = KEEP && (glob == FREE || has(dead, glob)); assert(KEEP); freeGlobal() :: else fi; h = 0 }
  od
}

init {
  atomic {
#if POP == 1
    run Put(0); run Method(0, PUT, 1, NONE, 0); run Structural(bit(0), true, DEL)
#elif POP == 2
    run Put(0); run Method(0, PUT, 1, NONE, 0); run Structural(bit(0), true, DEL); run Structural(ALL, false, LIST)
#elif POP == 3
    run Method(0, PUT, 1, NONE, 0); run Method(1, PUT, 0, NONE, 0); run Structural(ALL, true, DEL)
#elif POP == 4
    run Method(0, NONE, 0, NONE, 0); run Method(0, NONE, 0, NONE, 0); run Structural(bit(0), true, DEL); run Structural(ALL, false, LIST)
#elif POP == 5
    run Method(0, DEL, bit(1), NONE, 0); run Method(1, DEL, bit(0), NONE, 0); run Structural(ALL, true, DEL)
#elif POP == 6
    run Method(0, DEL, bit(0), NONE, 0); run Method(1, RUN, 0, NONE, 0); run Structural(bit(1), true, DEL)
#elif POP == 7
    run Method(0, RUN, 1, NONE, 0); run Method(1, RUN, 0, NONE, 0); run Structural(ALL, true, DEL)
#elif POP == 8
    run Method(0, NONE, 0, NONE, 0); run Structural(bit(0), true, REN); run Structural(ALL, false, LIST)
#elif POP == 9
    run Method(0, NONE, 0, NONE, 0); run Method(0, NONE, 0, NONE, 0); run Structural(bit(0), true, REN)
#elif POP == 10
    run Put(0); run Put(0); run Structural(bit(0), true, DEL); run Structural(bit(0), true, DEL)
#endif
#if BREAK_RUN + BREAK_DATA + BREAK_GLOBAL
    ; run Adversary()
#endif
#if DEATHS
    ; run Judge(); run Judge()
#endif
  }
}
